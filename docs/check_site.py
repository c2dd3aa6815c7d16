"""Checks every link of the built site that needs no network, and that its pages load nothing from elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"img": "src", "script": "src", "iframe": "src", "source": "src", "object": "data", "link": "href"}


class Page(HTMLParser):
    """The anchors, the links and the loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors, self.links, self.loaded = {""}, set[str](), set[str]()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect them."""
        values = {name: value for name, value in attrs if value}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        elif LOADING.get(tag) in values:
            self.loaded.add(values[LOADING[tag]])


def errors(site: Path) -> Iterator[str]:
    """Yield what is wrong."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for target in sorted(page.links | page.loaded):
            url = urlsplit(target)
            if url.scheme or url.netloc:
                if target in page.loaded and url.scheme != "data":
                    yield f"{path}: loads {target}"
                continue
            file = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not file.is_file() or (file in pages and unquote(url.fragment) not in pages[file].anchors):
                yield f"{path}: {target} leads nowhere"
    for path in site.rglob("*.css"):
        if re.search(r"@import|url\(['\"]?(https?:|//)", path.read_text()):
            yield f"{path}: loads another file"


if __name__ == "__main__":
    found = [*errors(Path(sys.argv[1]))]
    sys.exit("\n".join(found) or None)

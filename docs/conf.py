"""The site: Sphinx builds it from the Markdown files and the docstrings. `.ci/docs` says how."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search.en import SearchEnglish

ROOT = Path(__file__).parents[1]  # the source folder, so that a link is the same in the repository and on the site

project = "multiprocessing-lab"
author = copyright = "the multiprocessing-lab authors"
root_doc = "README"
include_patterns = ["*.md", "bench/README.md", "docs/**"]


def find(*patterns: str) -> list[str]:
    """Return the pages that match, by path."""
    return [
        path.relative_to(ROOT).with_suffix("").as_posix() for pattern in patterns for path in sorted(ROOT.glob(pattern))
    ]


PAGES = {
    "Use": ["docs/course", "docs/programs", "docs/report", "docs/hosts", "docs/aio", "docs/security"],
    "Reference": ["docs/semantics", "docs/api/broker", "docs/api/aio", "docs/api/jobs"],
    "How it works": ["docs/design", "docs/performance", "bench/README", "docs/evidence"],
    "Project": ["CONTRIBUTING", "CHANGELOG"],
    "中文": find("README.zh-CN.md", "docs/zh/*.md"),
}
listed = {page for pages in PAGES.values() for page in pages}
PAGES["Use"] += [page for page in find("docs/*.md") if page not in listed]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),  # what docstrings set as code: a link if it is a public name, else plain code
    ("py:.*", r"(?!broker|jobs).*"),  # other projects' types: their indexes are not at hand
    # Type variables; what multiprocessing documents: proxies, and the server of a manager.
    ("py:class", r".*\.[A-Z]|broker\.managers\.proxies\..*|broker\.managers\.base_manager\.Server"),
]
myst_heading_anchors = 4  # as GitHub makes them
default_role = "py:obj"
maximum_signature_line_length = 130  # with the full names of types, of which the last parts are shown
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseException",
    # For contexts, primitives and RQ.
    "exclude-members": "deletion, disown, own, delete_later, delete_on_close, delete_primitives, url_for, "
    "children, close_at_exit, enqueue, receive, restore, to_dict, verify_queue",
}
PUBLIC = {  # what signatures name as a protocol, and a reader knows by its class
    "broker.engine.owner.Owner": "broker.Context",
    "broker.aio.handle.Owner": "broker.aio.Context",
    "broker.values.guarded_bytes.AnyLock": "broker.RLock",
    "jobs.job_context.JobContext": "jobs.Context",
    "jobs.exchange.queues.SimpleQueue": "broker.SimpleQueue",
}

html_theme = "furo"
html_title = project
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]


class Search(SearchEnglish):
    """English, and Chinese: any two neighbouring characters are a word, too."""

    def split(self, input: str) -> list[str]:
        """Return the words of a text."""
        return super().split(input) + re.findall(r"(?=([\u4e00-\u9fff]{2}))", input)


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the start page, which is the README, the table of contents."""
    if docname == app.config.root_doc:
        for caption, pages in PAGES.items():
            if pages:
                entries = "\n".join(f"/{page}" for page in pages)
                source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n{entries}\n```\n"


def skip_others(app: Sphinx, what: str, name: str, member: object, skip: bool, options: object) -> bool | None:
    """Leave out what a class inherits from multiprocessing, RQ or a built-in type: it is documented there."""
    module = getattr(getattr(member, "fget", member), "__module__", None) or ""
    return None if module.startswith(("broker", "jobs")) else True


def mark_examples(app: Sphinx, what: str, name: str, member: object, options: object, lines: list[str]) -> None:
    """Set the indented examples of a docstring as code."""
    for number in range(len(lines) - 1, 0, -1):
        if lines[number].startswith("    ") and not lines[number - 1]:
            lines[number - 1 : number] = ["", "::", ""]


def link_to_public(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    """Show the public class instead of an internal protocol."""
    if (name := PUBLIC.get(node.get("reftarget", ""))) is None:
        return None
    text = nodes.Text(name.rpartition(".")[2])
    return env.domains.python_domain.resolve_xref(env, node["refdoc"], app.builder, "class", name, node, text)


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Serve the start page also as `index.html`."""
    if error is None and app.builder.name == "html":
        page = Path(app.outdir, f"{app.config.root_doc}.html")
        page.with_name("index.html").write_bytes(page.read_bytes())


def setup(app: Sphinx) -> None:
    """Connect the above with Sphinx."""
    app.add_search_language(Search)
    app.connect("source-read", add_contents)
    app.connect("autodoc-skip-member", skip_others)
    app.connect("autodoc-process-docstring", mark_examples)
    app.connect("missing-reference", link_to_public)
    app.connect("build-finished", add_index)

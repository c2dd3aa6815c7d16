"""The entry point of the `lab` command; handles Ctrl-C and missing packages while the command line is imported."""

from __future__ import annotations

import sys
from gettext import gettext as _

from lab.language import default_language, language

EXTRA = ("click", "rich", "jinja2", "rq", "cloudpickle")  # installed by the extra `lab`


def main() -> None:
    """Run the command line, in the default language unless `--lang` names another one."""
    with language(default_language()):
        try:
            from lab.cli.main import main as run
        except KeyboardInterrupt:
            print("lab: " + _("interrupted"), file=sys.stderr)
            sys.exit(130)  # as for every command that Ctrl-C has ended
        except ModuleNotFoundError as error:
            if error.name not in EXTRA:
                raise
            how = _("{name} is not installed; run: pip install 'multiprocessing-lab[lab]'").format(name=error.name)
            print(f"lab: {how}", file=sys.stderr)
            sys.exit(2)
        run()


if __name__ == "__main__":
    main()

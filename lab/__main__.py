"""The entry point of the `lab` command; handles Ctrl-C and missing packages while the command line is imported."""

from __future__ import annotations

import sys

EXTRA = ("click", "rich", "jinja2", "rq", "cloudpickle")  # installed by the extra `lab`


def main() -> None:
    """Run the command line."""
    try:
        from lab.cli.main import main as run
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        sys.exit(130)  # as for every command that Ctrl-C has ended
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        print(f"lab: {error.name} is not installed; run: pip install 'multiprocessing-lab[lab]'", file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()

"""The `lab` program: imports the command line, which takes a moment in which Ctrl-C may come already."""

from __future__ import annotations

import sys

EXTRA = ("click", "rich", "rq", "cloudpickle")  # what the extra `lab` installs


def main() -> None:
    """Run the command line."""
    try:
        from lab.cli.main import main as run
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        print(f"lab: {error.name} is not installed; run: pip install 'multiprocessing-lab[lab]'", file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()

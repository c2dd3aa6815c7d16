"""The `lab` program: imports the command line, which takes a moment in which Ctrl-C may come already."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from lab.cli import main as run
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()

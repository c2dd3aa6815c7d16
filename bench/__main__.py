"""`python -m bench`."""

if __name__ == "__main__":
    import sys

    try:
        from bench.cli import main
    except ModuleNotFoundError as error:
        print(
            f"bench: {error.name} is missing; run: pip install -e '.[lab]' -r bench/requirements.txt", file=sys.stderr
        )
        sys.exit(2)
    sys.exit(main())

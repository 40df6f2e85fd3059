"""`python -m facedge` is the `facedge` command."""

from facedge.cli import main

if __name__ == "__main__":
    main()

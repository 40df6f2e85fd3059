"""`python -m facedge` is the `facedge` command."""

from facedge.cli import run

if __name__ == "__main__":
    run()

"""Builds the documentation as a site, strictly: python docs/scripts/build_docs.py [SITE]

Writes docs/command-line.md from the help of every command and copies the picture of the web page, which git does not
keep, then runs zensical. A warning, such as a link to a page or heading that is not there, is an error.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND_LINE = ROOT / "docs" / "command-line.md"
HEAD = """# Command line

What `facedge -h` and `facedge COMMAND -h` print. Exit codes: 0 accepted or done, 1 not accepted, 2 an error,
130 interrupted, 143 terminated.

`-v` prints more (and tracebacks of errors), `-q` only results and errors; both may stand anywhere. Rates may be
given in percent. Options with an `env var` take their default from it. `facedge --install-completion` makes the
shell complete commands, options and names of people (bash, zsh, fish, PowerShell).
"""


def help_of(words: str) -> str:
    """The help of a command in 80 columns, without colours."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "PYTHONPATH": path}
    command = [sys.executable, "-m", "facedge", *words.split(), "-h"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return re.sub(r" +$", "", done.stdout, flags=re.MULTILINE).strip("\n")


def command_line() -> Iterator[str]:
    """The page, part by part."""
    from facedge.cli import COMMANDS

    yield HEAD
    yield f"```text\n{help_of('')}\n```\n"
    for words in COMMANDS:
        yield f"## facedge {words}\n\n```text\n{help_of(words)}\n```\n"


def main(arguments: Sequence[str]) -> int:
    """Generate, and build; zensical's exit code."""
    COMMAND_LINE.write_text("\n".join(command_line()), encoding="utf-8")
    shutil.copy(ROOT / "deploy" / "web" / "pictures" / "light.jpg", ROOT / "docs" / "pictures" / "web.jpg")
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=ROOT, check=False)
    shutil.rmtree(ROOT / "site" / "scripts", ignore_errors=True)  # lies beside the pages, and is none
    if done.returncode == 0 and arguments:
        shutil.copytree(ROOT / "site", arguments[0], dirs_exist_ok=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

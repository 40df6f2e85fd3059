"""Runs what is printed in README.md and docs/*.md, and compares it with the output printed there.

python docs/scripts/pages.py                   # every page; exit code 1 and a diff where a page differs
python docs/scripts/pages.py docs/quickstart.md --write      # puts the output of today into the page, to the digit

The blocks of a page, in their order, share one folder with the photos of drawn_photos.py, and one home directory:

```console   lines that begin with "$ " are run by bash; the lines below each are its output, stdout and stderr
```python    run in one namespace a page; a ```text block that follows is its output
```sh        not run (cameras, installations, long trainings); each facedge command in it must be one that exists
<!-- run: COMMAND -->   is run before the page's blocks, and not shown

In expected output a line "..." stands for any lines. Numbers may differ a little (see `same_number`), sizes and times
as they like; everything else is compared to the letter.
"""

import contextlib
import difflib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawn_photos import write_photos, write_video
from figures import fill

ROOT = Path(__file__).resolve().parents[2]
HOME = "/home/you"  # what the pages show as the home directory
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
HIDDEN = re.compile(r"^<!-- run: (.*?) -->$", re.MULTILINE)
CARD = ROOT / "facedge" / "models" / "MODEL_CARD.md"  # has figures of the measurements too, and nothing that is run
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
FREE = re.compile(r"\d[\d,.]*( ms| s\b| MB| kB| B\b| frames/s| seconds)|\b[0-9a-f]{12,64}\b|\d{4}-\d\d-\d\d")
NEAR, SHARE = 0.03, 0.15  # numbers may differ by so much, or by this share: JPEG decoders and processors differ


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where the text is in the page."""

    language: str
    text: str
    start: int
    end: int


def pages() -> list[Path]:
    """README.md and the pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(m["language"], m["text"], m.start("text"), m.end("text")) for m in FENCE.finditer(page)]


def commands(text: str) -> Iterator[str]:
    """The facedge commands in a shell text, without what is before and behind each."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while "facedge" in words:
            words = words[words.index("facedge") :]
            ends = [k for k, word in enumerate(words) if word in ("&&", "|", "||", ";", ">", "--", "\\")]
            ends += [k + 1 for k, word in enumerate(words) if word.endswith(";")]  # as in "photo.jpg; echo"
            end = min([*ends, len(words)])
            yield shlex.join(word.rstrip(";") for word in words[:end])
            words = words[max(1, end) :]


class Place:
    """The folder and the home directory in which the blocks of a page run."""

    def __init__(self, folder: Path) -> None:
        """Write the photos, and the `facedge` that the commands call."""
        self._home = folder / HOME.strip("/")
        self.work = self._home / "drawn"
        write_photos(self.work)
        write_video(self.work / "clip.avi")
        programs = folder / "bin"
        programs.mkdir()
        for name, module in (("facedge", " -m facedge"), ("python", ""), ("python3", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{module} "$@"\n')
            (programs / name).chmod(0o755)
        for name in ("examples", "docs", "deploy"):
            (self.work / name).symlink_to(ROOT / name)
        self._namespace: dict[str, Any] = {}
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(self._home),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "OMP_NUM_THREADS": "1",
        }

    def shell(self, command: str) -> str:
        """What a command prints, stdout and stderr as they come."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return self._shown(done.stdout)

    def python(self, program: str) -> str:
        """What a program prints, in the namespace of the page."""
        printed = io.StringIO()
        with self._entered(), contextlib.redirect_stdout(printed):
            exec(program, self._namespace)
        return self._shown(printed.getvalue())

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        homes = {"HOME": str(self._home), "XDG_DATA_HOME": str(self._home / ".local" / "share")}
        before = dict(os.environ)
        with contextlib.chdir(self.work):
            os.environ.update(homes)
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(before)

    def _shown(self, text: str) -> str:
        """Output as the pages show it: another home directory, and no time, which is of one machine and moment."""
        return re.sub(r"[\d.]+ ms an image", "… ms an image", text.replace(str(self._home), HOME))


def run_page(page: str, place: Place, *, exact: bool = False) -> str:
    """The page with the output that its blocks give here; lines "..." stay, with what they stand for left out.

    exact: also where the output printed there is near enough, so that one photo has one score in all of a page.
    """
    page = fill(page)
    for command in HIDDEN.findall(page):
        place.shell(command)
    result, shift = page, 0
    found = blocks(page)
    for number, block in enumerate(found):
        after = found[number + 1] if number + 1 < len(found) else None
        target, text = block, block.text
        if block.language == "console":
            text = run_console(block.text, place, exact=exact)
        elif block.language == "python":
            output = place.python(block.text)
            if after is None or after.language != "text" or page[block.end : after.start].strip("`\n") != "text":
                continue
            target, text = after, abridged(after.text, output, exact=exact)
        else:
            continue
        result = result[: target.start + shift] + text + result[target.end + shift :]
        shift += len(text) - (target.end - target.start)
    return result


def run_console(text: str, place: Place, *, exact: bool = False) -> str:
    """A console block with the output of its commands."""
    lines: list[str] = []
    for session in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
        if not session.startswith("$ "):
            lines.append(session)
            continue
        command = re.match(r"\$ (?:.*\\\n)*.*\n", session)
        assert command is not None
        printed = place.shell(command[0][2:].replace("\\\n", " "))
        lines.append(command[0] + abridged(session[command.end() :], printed, exact=exact))
    return "".join(lines)


def abridged(expected: str, printed: str, *, exact: bool = False) -> str:
    """`expected` where it fits, as printed otherwise; blank lines at the end as in `expected`."""
    blank = len(expected) - len(expected.rstrip("\n"))
    tail = "\n" * max(1, blank) if printed.strip() or expected.strip() else expected
    actual = printed.rstrip("\n").rstrip() + tail if printed.strip() else tail if expected.strip() == "" else "\n"
    lines = expected.rstrip("\n").split("\n"), actual.rstrip("\n").split("\n")
    return expected if fits(*lines, exact=exact) else actual


def fits(expected: Sequence[str], actual: Sequence[str], *, exact: bool = False) -> bool:
    """Whether lines are as expected, "..." being any lines."""
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(fits(expected[1:], actual[k:], exact=exact) for k in range(len(actual) + 1))
    same = bool(actual) and same_line(expected[0], actual[0], exact=exact)
    return same and fits(expected[1:], actual[1:], exact=exact)


def same_line(expected: str, actual: str, *, exact: bool = False) -> bool:
    """Whether two lines are equal but for sizes and times and, unless `exact`, small differences of their numbers."""
    shown = [FREE.sub(r"#\1", line) for line in (expected, actual)]
    texts = [" ".join(NUMBER.sub("#", line).split()) for line in shown]
    numbers = [[float(found.replace(",", "")) for found in NUMBER.findall(line)] for line in shown]
    return texts[0] == texts[1] and (numbers[0] == numbers[1] if exact else all(map(same_number, *numbers)))


def same_number(expected: float, actual: float) -> bool:
    """Whether two numbers of one output differ by NEAR or by SHARE of the larger one at most."""
    return abs(expected - actual) <= max(NEAR, SHARE * max(abs(expected), abs(actual)))


def main(arguments: Sequence[str]) -> int:
    """Check pages, or write their output; 1 where a page differs."""
    import tempfile

    write = "--write" in arguments
    chosen = [Path(word).resolve() for word in arguments if word != "--write"] or [*pages(), CARD]
    differs = 0
    for path in chosen:
        with tempfile.TemporaryDirectory() as folder:
            page = path.read_text()
            made = run_page(page, Place(Path(folder)), exact=write)
        if made == page:
            continue
        differs = 1
        print("".join(difflib.unified_diff(page.splitlines(True), made.splitlines(True), str(path), "as it is now")))
        if write:
            path.write_text(made)
    return 0 if write else differs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Lists of pairs as Labeled Faces in the Wild writes them (vis-www.cs.umass.edu/lfw, README).

    300                          N, or for several folds: FOLDS <tab> N
    Abel_Pacheco  1  4           N genuine pairs: a name, two photo numbers
    Abdul_Majeed  1  Abe_Lee  2  N impostor pairs: a name and number, another name and number

and the same again for each further fold. Photo 4 of Abel_Pacheco is Abel_Pacheco/Abel_Pacheco_0004.jpg.
"""

from dataclasses import dataclass
from pathlib import Path

from facedge.errors import DatasetError


@dataclass(frozen=True, order=True)
class Photo:
    """One photo of the list: whose, and which."""

    person: str
    number: int

    def file(self, folder: Path) -> Path:
        """Where it lies under the folder of the dataset."""
        return folder / self.person / f"{self.person}_{self.number:04d}.jpg"


@dataclass(frozen=True)
class PairList:
    """Pairs (first[k], second[k]), the fold of each, and the list's name."""

    name: str
    first: tuple[Photo, ...]
    second: tuple[Photo, ...]
    fold: tuple[int, ...]

    @property
    def folds(self) -> int:
        """How many folds there are; 1 for the development lists."""
        return max(self.fold) + 1

    def photos(self) -> list[Photo]:
        """Every photo named, once, sorted."""
        return sorted({*self.first, *self.second})


def read_pairs(path: str | Path) -> PairList:
    """Read a list of pairs. DatasetError, with the line, for anything that is not one."""
    file = Path(path)
    try:
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(f"{file} cannot be read as a list of pairs ({problem})") from problem
    while lines and not lines[-1]:
        lines.pop()
    folds, each = _counts(file, lines)
    if len(lines) - 1 != folds * 2 * each:
        raise DatasetError(
            f"{file} announces {folds} x {each} genuine and as many impostor pairs, but has {len(lines) - 1} lines of "
            f"pairs instead of {folds * 2 * each}: it may be cut off, fetch it again"
        )
    both = [_pair(file, k + 2, words, (k // each) % 2 == 0) for k, words in enumerate(lines[1:])]
    fold = tuple(k // (2 * each) for k in range(len(both)))
    return PairList(file.stem, tuple(a for a, _ in both), tuple(b for _, b in both), fold)


def _counts(file: Path, lines: list[list[str]]) -> tuple[int, int]:
    words = lines[0] if lines else []
    if len(words) not in (1, 2) or not all(_is_number(word) for word in words):
        raise DatasetError(f"{file}, line 1: expected the number of pairs, or folds and pairs, got {' '.join(words)!r}")
    numbers = [int(word) for word in words]
    return (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _pair(file: Path, line: int, words: list[str], genuine: bool) -> tuple[Photo, Photo]:
    wanted = "name number number" if genuine else "name number name number"
    if genuine and len(words) == 3 and _is_number(words[1]) and _is_number(words[2]):
        return Photo(words[0], int(words[1])), Photo(words[0], int(words[2]))
    if not genuine and len(words) == 4 and _is_number(words[1]) and _is_number(words[3]) and words[0] != words[2]:
        return Photo(words[0], int(words[1])), Photo(words[2], int(words[3]))
    raise DatasetError(f"{file}, line {line}: expected {wanted!r}, got {' '.join(words)!r}")


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and 0 < int(word) < 1_000_000

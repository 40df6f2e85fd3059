"""The pair lists of Labeled Faces in the Wild (LFW; Huang et al., 2007): pairsDevTrain, pairsDevTest and pairs.txt."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedge.errors import DatasetError
from facedge.types import BoolArray, Int64Array


@dataclass(frozen=True)
class LfwPairs:
    """An LFW pair list: image paths relative to the folder of LFW images, and for each pair its label and its fold."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    same: BoolArray  # (P,) genuine pairs
    fold: Int64Array  # (P,) from 0; all 0 in the development lists

    def __len__(self) -> int:
        return len(self.first)


def read_lfw_pairs(path: str | Path) -> LfwPairs:
    """Parse pairsDevTrain.txt, pairsDevTest.txt (View 1) or pairs.txt (View 2, 10 folds).

    The format (LFW's README): the first line holds the number N of genuine and of impostor pairs, or the number of
    folds and N; then each fold has N lines `name k l` (genuine) and N lines `name k other l` (impostor). Raises
    DatasetError that names the line.
    """
    path = Path(path)
    lines = _lines(path)
    folds, count = _header(path, lines)
    expected = folds * 2 * count
    if len(lines) - 1 != expected:
        raise DatasetError(
            f"{path} announces {expected:,} pairs and lists {len(lines) - 1:,}: it was cut short or edited, "
            "download it again"
        )
    same = np.tile(np.repeat([True, False], count), folds)
    pairs = [_pair(path, line, fields, bool(kind)) for (line, fields), kind in zip(lines[1:], same, strict=True)]
    return LfwPairs(
        first=tuple(one for one, _ in pairs),
        second=tuple(other for _, other in pairs),
        same=same,
        fold=np.repeat(np.arange(folds), 2 * count),
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line numbers from 1 and the fields of every line that is not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(f"cannot read the pair list {path} ({problem}): check the path") from problem
    return [(k, fields) for k, line in enumerate(text.split("\n"), 1) if (fields := line.split())]


def _header(path: Path, lines: list[tuple[int, list[str]]]) -> tuple[int, int]:
    """(folds, pairs of each kind in a fold)."""
    numbers = [_number(field) for field in lines[0][1]] if lines else []
    if len(numbers) not in (1, 2) or 0 in numbers:
        raise DatasetError(
            f"{path} is no LFW pair list: expected its first line to be the number of pairs of each kind, or the "
            "numbers of folds and pairs"
        )
    return (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _pair(path: Path, line: int, fields: list[str], same: bool) -> tuple[str, str]:
    if same and len(fields) == 3:
        fields = [fields[0], fields[1], fields[0], fields[2]]
    elif same or len(fields) != 4:
        form = "name k l (the same person)" if same else "name k other l"
        raise DatasetError(f"{path}, line {line}: expected {form}, found {len(fields)} columns")
    return _image(path, line, fields[0], fields[1]), _image(path, line, fields[2], fields[3])


def _image(path: Path, line: int, name: str, number: str) -> str:
    """name, 7 -> name/name_0007.jpg"""
    if not _number(number) or name.startswith(".") or any(mark in name for mark in "/\\:\0"):
        raise DatasetError(f"{path}, line {line}: expected a name and a number from 1, found {name!r} {number!r}")
    return f"{name}/{name}_{int(number):04d}.jpg"


def _number(text: str) -> int:
    """A count from 1; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0

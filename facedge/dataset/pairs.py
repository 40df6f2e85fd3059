"""Who is compared with whom: pairs of rows by identity, and the pair lists of LFW."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedge.errors import DatasetError, InputError

Pairs = NDArray[np.int64]  # (P, 2) rows, the smaller first


def genuine_pairs(identities: NDArray[np.int32]) -> Pairs:
    """All pairs of rows of the same identity, in order; rows of unknown people (-1) are in none."""
    order = np.argsort(identities, kind="stable")
    order = order[identities[order] >= 0]
    starts = np.flatnonzero(np.diff(identities[order], prepend=-1))
    blocks = []
    for rows in np.split(order, starts[1:]):
        one, other = np.triu_indices(len(rows), 1)
        blocks.append(np.stack([rows[one], rows[other]], axis=1))
    pairs = np.concatenate(blocks) if blocks else np.empty((0, 2))
    return _sorted(pairs.astype(np.int64))


def impostor_pairs(identities: NDArray[np.int32], limit: int | None = None, *, seed: int = 0) -> Pairs:
    """Pairs of rows of different identities: all of them, in order, or `limit` drawn without repetition.

    All pairs of 20,000 rows are 3 GB: give a limit. Rows of unknown people are in none.
    """
    rows = np.flatnonzero(identities >= 0).astype(np.int64)
    people, sizes = np.unique(identities[rows], return_counts=True)
    total = (len(rows) * (len(rows) - 1) - int((sizes * (sizes - 1)).sum())) // 2
    if limit is not None and limit < 0:
        raise InputError(f"expected a limit of 0 pairs or more, got {limit}")
    if len(people) < 2 or limit == 0:
        return np.empty((0, 2), dtype=np.int64)
    if limit is None or 2 * limit >= total:  # dense: list them all, then draw
        every = _all_different(rows, identities)
        if limit is None or limit >= total:
            return every
        return every[np.sort(np.random.default_rng(seed).choice(total, limit, replace=False))]
    return _draw_different(rows, identities, limit, np.random.default_rng(seed))


def _all_different(rows: Pairs, identities: NDArray[np.int32]) -> Pairs:
    one, other = np.triu_indices(len(rows), 1)
    different = identities[rows[one]] != identities[rows[other]]
    return np.stack([rows[one[different]], rows[other[different]]], axis=1)


def _draw_different(rows: Pairs, identities: NDArray[np.int32], limit: int, rng: np.random.Generator) -> Pairs:
    """Draw pairs until enough distinct ones are there; fewer than half of all are wanted, so it ends soon."""
    drawn = np.empty((0,), dtype=np.int64)
    while len(drawn) < limit:
        pair = np.sort(rng.integers(0, len(rows), (2 * limit, 2)), axis=1)
        pair = pair[identities[rows[pair[:, 0]]] != identities[rows[pair[:, 1]]]]
        codes = np.concatenate([drawn, pair[:, 0] * len(rows) + pair[:, 1]])
        _, first = np.unique(codes, return_index=True)
        drawn = codes[np.sort(first)]
    one, other = np.divmod(drawn[:limit], len(rows))
    return _sorted(np.stack([rows[one], rows[other]], axis=1))


def _sorted(pairs: Pairs) -> Pairs:
    pairs = np.sort(pairs, axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


@dataclass(frozen=True)
class LfwPairs:
    """An LFW pair list: image paths below the folder of LFW images, for each pair its label and its fold."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    same: NDArray[np.bool_]  # (P,)
    fold: NDArray[np.int64]  # (P,) from 0; all 0 in the development lists

    def __len__(self) -> int:
        return len(self.first)


def read_lfw_pairs(path: str | Path) -> LfwPairs:
    """Parse pairsDevTrain.txt, pairsDevTest.txt (view 1) or pairs.txt (view 2, 10 folds).

    The format (LFW's README, Huang et al. 2007): a line with the pairs of each kind, N, or with the folds and N; then
    in each fold N lines `name k l` (the same person) and N lines `name k other l`. DatasetError names the line.
    """
    path = Path(path)
    lines = _lines(path)
    folds, count = _header(path, lines)
    expected = folds * 2 * count
    if len(lines) - 1 != expected:
        raise DatasetError(
            f"{path} announces {expected:,} pairs and lists {len(lines) - 1:,}: it was cut short or edited"
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
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(f"cannot read the pair list {path} ({problem})") from problem
    return [(k, fields) for k, line in enumerate(text.split("\n"), 1) if (fields := line.split())]


def _header(path: Path, lines: list[tuple[int, list[str]]]) -> tuple[int, int]:
    """(folds, pairs of each kind in a fold)."""
    numbers = [_number(field) for field in lines[0][1]] if lines else []
    if len(numbers) not in (1, 2) or 0 in numbers:
        raise DatasetError(
            f"{path} is no LFW pair list: expected its first line to be the pairs of each kind, or folds and pairs"
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

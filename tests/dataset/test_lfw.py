"""Pairs are complete, distinct and of the right kind; LFW's lists parse or name their line."""

from contextlib import suppress
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.dataset.pairs import genuine_pairs, impostor_pairs, read_lfw_pairs
from facedge.errors import DatasetError, InputError

people = st.lists(st.integers(-1, 5), max_size=25).map(lambda values: np.array(values, dtype=np.int32))


@given(people)
def test_all_pairs_of_both_kinds(identities: np.ndarray) -> None:
    known = [k for k in range(len(identities)) if identities[k] >= 0]
    every = list(combinations(known, 2))
    same = [pair for pair in every if identities[pair[0]] == identities[pair[1]]]
    assert [tuple(pair) for pair in genuine_pairs(identities).tolist()] == same
    assert [tuple(pair) for pair in impostor_pairs(identities).tolist()] == [p for p in every if p not in same]


@given(people, st.integers(0, 400), st.integers(0, 3))
def test_drawn_impostors_are_distinct_impostors(identities: np.ndarray, limit: int, seed: int) -> None:
    every = {tuple(pair) for pair in impostor_pairs(identities).tolist()}
    drawn = [tuple(pair) for pair in impostor_pairs(identities, limit, seed=seed).tolist()]
    assert len(drawn) == len(set(drawn)) == min(limit, len(every))
    assert set(drawn) <= every
    assert drawn == sorted(drawn)
    assert drawn == [tuple(pair) for pair in impostor_pairs(identities, limit, seed=seed).tolist()]


def test_a_sparse_draw_from_many_rows_is_fair() -> None:
    identities = np.repeat(np.arange(300, dtype=np.int32), 10)
    drawn = impostor_pairs(identities, 30_000)
    assert drawn.shape == (30_000, 2)
    assert drawn.dtype == np.int64
    counts = np.bincount(drawn.ravel(), minlength=3000)  # 20 a row on average
    assert counts.std() < 6
    with pytest.raises(InputError, match="limit of 0 pairs or more"):
        impostor_pairs(identities, -1)


def write(folder: Path, text: str) -> Path:
    (folder / "pairs.txt").write_text(text)
    return folder / "pairs.txt"


names = st.from_regex(r"[A-Z][a-z]{1,6}(_[A-Z][a-z\-]{1,6}){0,2}", fullmatch=True)
number = st.integers(1, 9999)


@given(
    st.data(), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["\t", " ", "  "]), st.sampled_from(["\n", "\r\n"])
)
def test_both_formats_parse(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, folds: int, count: int, gap: str, end: str
) -> None:
    lines, expected = [], []
    for _ in range(folds):
        for same in [True] * count + [False] * count:
            one, k, m = data.draw(names), data.draw(number), data.draw(number)
            other = one if same else data.draw(names)
            fields = [one, str(k), str(m)] if same else [one, str(k), other, str(m)]
            lines.append(gap.join(fields))
            expected.append((f"{one}/{one}_{k:04d}.jpg", f"{other}/{other}_{m:04d}.jpg", same))
    head = str(count) if folds == 1 and data.draw(st.booleans()) else f"{folds}{gap}{count}"
    pairs = read_lfw_pairs(write(tmp_path_factory.mktemp("t"), end.join([head, *lines]) + end))
    assert list(zip(pairs.first, pairs.second, pairs.same.tolist(), strict=True)) == expected
    assert pairs.fold.tolist() == [fold for fold in range(folds) for _ in range(2 * count)]
    assert len(pairs) == 2 * folds * count


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no LFW pair list"),
        ("Abel 1 2\n", "is no LFW pair list"),
        ("0\n", "is no LFW pair list"),
        ("1\nA 1 2\n", "announces 2 pairs and lists 1"),
        ("1\nA 1 2\nA 1 B\n", r"line 3: expected name k other l, found 3 columns"),
        ("1\nA 1 B 2\nA 1 B 2\n", r"line 2: expected name k l \(the same person\), found 4 columns"),
        ("1\nA 1 x\nA 1 B 2\n", r"line 2: expected a name and a number from 1, found 'A' 'x'"),
        ("1\nA 1 0\nA 1 B 2\n", "line 2"),
        ("1\n../A 1 2\nA 1 B 2\n", "line 2"),
    ],
)
def test_broken_lists_name_the_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_lfw_pairs(write(tmp_path, text))


@given(st.text(max_size=100))
def test_any_text_is_pairs_or_a_dataset_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("t") / "pairs.txt"
    path.write_bytes(text.encode("utf-8", "replace"))
    with suppress(DatasetError):
        read_lfw_pairs(path)


def test_an_absent_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot read the pair list"):
        read_lfw_pairs(tmp_path / "pairs.txt")


@pytest.mark.real
@pytest.mark.parametrize(("name", "count"), [("pairsDevTrain.txt", 2200), ("pairsDevTest.txt", 1000)])
def test_the_real_development_lists(shared_data: Path, name: str, count: int) -> None:
    pairs = read_lfw_pairs(shared_data / "lfw" / name)
    assert len(pairs) == count
    assert pairs.same.sum() == count // 2
    missing = [p for p in {*pairs.first, *pairs.second} if not (shared_data / "lfw" / "lfw" / p).is_file()]
    assert missing == []

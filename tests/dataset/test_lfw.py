"""LFW's pair lists are parsed, or the error names the line."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.dataset.lfw import read_lfw_pairs
from facedge.errors import DatasetError


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


def test_an_absent_list_is_one_sentence(tmp_path: Path) -> None:
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

"""Label files in every form that is in use, and the error message for each defect."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedge.dataset.attribute_names import ATTRIBUTE_NAMES
from facedge.dataset.label_files import read_attributes, read_identities, read_partition
from facedge.errors import DatasetError

HEADER = " ".join(ATTRIBUTE_NAMES)
ROW = " ".join(["-1"] * 39 + ["1"])


def write(folder: Path, text: str | bytes, name: str = "list_attr_celeba.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


values = st.lists(st.lists(st.booleans(), min_size=40, max_size=40), min_size=1, max_size=6)
newline = st.sampled_from(["\n", "\r\n"])


@given(
    table=values, end=newline, blanks=st.sampled_from([" ", "  ", "\t", "   "]), count=st.booleans(), bom=st.booleans()
)
def test_attribute_text_files_in_any_spacing(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[bool]],
    end: str,
    blanks: str,
    count: bool,
    bom: bool,
) -> None:
    lines = [str(len(table))] * count + [HEADER + " "]
    lines += [f"{k:06d}.jpg{blanks}" + blanks.join("1" if v else "-1" for v in row) for k, row in enumerate(table)]
    text = ("\ufeff" if bom else "") + end.join(lines) + end
    read = read_attributes(write(tmp_path_factory.mktemp("t"), text))
    assert read.names == [f"{k:06d}.jpg" for k in range(len(table))]
    assert np.array_equal(read.values, np.array(table, dtype=np.uint8))


@given(
    table=values, end=newline, order=st.permutations(range(40)), quoted=st.booleans(), no=st.sampled_from(["-1", "0"])
)
def test_attribute_csvs_in_any_column_order(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[bool]],
    end: str,
    order: list[int],
    quoted: bool,
    no: str,
) -> None:
    mark = '"' if quoted else ""
    lines = ["image_id," + ",".join(ATTRIBUTE_NAMES[k] for k in order)]
    lines += [f"{mark}{n}.jpg{mark}," + ",".join("1" if row[k] else no for k in order) for n, row in enumerate(table)]
    read = read_attributes(write(tmp_path_factory.mktemp("t"), end.join(lines), "list_attr_celeba.csv"))
    assert np.array_equal(read.values, np.array(table, dtype=np.uint8))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ends before its header"),
        ("2\n", "ends before its header"),
        (f"1\n{HEADER}\n", r"line 1: the file announces 1 images and lists 0"),
        (f"{HEADER}\n", "lists no image"),
        (f"1\n{HEADER}\na.jpg {ROW} 1\n", r"line 3: expected an image name and 40 values, found 42 columns"),
        (f"2\n{HEADER}\na.jpg {ROW}\nb.jpg 1 -1\n", r"line 4: expected an image name and 40 values, found 3 columns"),
        (f"1\n{HEADER}\na.jpg {ROW[:-1]}2\n", r"line 3: expected -1 or 1 in every column, found '2'"),
        (f"3\n{HEADER}\na.jpg {ROW}\n", r"line 1: the file announces 3 images and lists 1"),
        (f"2\n{HEADER}\na.jpg {ROW}\na.jpg {ROW}\n", "lists a.jpg twice"),
        (f"1\n{HEADER}\n../a.jpg {ROW}\n", r"line 3: expected the file name of an image, found '../a.jpg'"),
        (f"1\n{HEADER} Extra\na.jpg {ROW} 1\n", r"line 2: expected CelebA's 40 attribute names, found 41"),
        (f"1\n{HEADER.replace('Young', 'Old')}\na.jpg {ROW}\n", "Young is not among them"),
        (b"\xff\xfe\x00binary", "cannot read .* as text"),
    ],
)
def test_broken_attribute_files_name_file_and_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DatasetError, match=says) as caught:
        read_attributes(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", f",image_id,{HEADER.replace(' ', ',')}\n", "found 41: there is a column before image_id, remove it"),
        ("a.csv", f"image_id,{HEADER.replace(' ', ',')},Old\n", "found 41: 'Old' is none of them"),
        ("a.csv", f"image_id,{HEADER.replace(' ', ',')},Young\n", "found 41: one occurs twice"),
        ("a.csv", f"image_id;{HEADER.replace(' ', ';')}\n", "line 1: columns are separated by semicolons: .* commas"),
        ("a.txt", f"1\n{HEADER.replace(' ', ';')}\n", "line 2: columns are separated by semicolons: .* blanks"),
        ("a.txt", f"image_id,{HEADER.replace(' ', ',')}\n", r"separated by commas: rename the file to a\.csv"),
    ],
)
def test_a_header_of_another_layout_is_named(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_attributes(write(tmp_path, text, name))


@pytest.mark.parametrize("reader", [read_identities, read_partition])
def test_separators_of_the_other_files(tmp_path: Path, reader: Callable[[Path], dict[str, int]]) -> None:
    with pytest.raises(DatasetError, match="separated by semicolons"):
        reader(write(tmp_path, "image_id;n\n1.jpg;1\n", "n.csv"))
    with pytest.raises(DatasetError, match=r"rename the file to n\.csv"):
        reader(write(tmp_path, "1.jpg,1\n", "n.txt"))


@pytest.mark.parametrize("reader", [read_identities, read_partition])
def test_an_index_column_of_the_other_files(tmp_path: Path, reader: Callable[[Path], dict[str, int]]) -> None:
    with pytest.raises(DatasetError, match=r"line 1: .* found 3 columns: there is a column before image_id, remove it"):
        reader(write(tmp_path, ",image_id,n\n0,1.jpg,1\n", "n.csv"))


@given(st.text(max_size=200))
def test_any_text_parses_or_is_a_dataset_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("t")
    for name in ("t.txt", "t.csv"):
        for reader in (read_attributes, read_identities, read_partition):
            with suppress(DatasetError):
                reader(write(folder, text.encode("utf-8", "replace"), name))


numbers = st.dictionaries(st.from_regex(r"[0-9]{6}\.jpg", fullmatch=True), st.integers(0, 2**31 - 1), min_size=1)


@given(numbers, newline, st.booleans(), st.booleans())
def test_identities_as_text_or_csv(
    tmp_path_factory: pytest.TempPathFactory, people: dict[str, int], end: str, is_csv: bool, header: bool
) -> None:
    mark = "," if is_csv else "  "
    lines = ["image_id,identity"] * (is_csv and header) + [f"{name}{mark}{number}" for name, number in people.items()]
    path = write(tmp_path_factory.mktemp("t"), end.join(lines), "i.csv" if is_csv else "i.txt")
    assert read_identities(path) == people


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.jpg 1\nb.jpg\n", "line 2: expected an image name and a partition, found 1 columns"),
        ("a.jpg 3\n", "line 1: expected a partition from 0 to 2, found '3'"),
        ("a.jpg -1\n", "found '-1'"),
        ("a.jpg 1\n\na.jpg 1\n", "line 3: a.jpg is listed twice"),
        ("", "lists no image"),
        ("sub/a.jpg 1\n", "expected the file name of an image"),
        ("a.jpg ²\n", "found '²'"),
    ],
)
def test_broken_partition_files_name_the_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_partition(write(tmp_path, text, "list_eval_partition.txt"))

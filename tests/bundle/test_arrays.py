"""Arrays in bundles: plain ones come back, everything else is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx")

import tiny_bundle

from facedge.bundle import read_bundle, write_bundle
from facedge.bundle.arrays import read_array, to_npy
from facedge.bundle.cohort import read_cohort
from facedge.errors import BundleError


def test_an_array_comes_back() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert (read_array("x.npy", to_npy(array)) == array).all()
    assert to_npy(array) == to_npy(array)


def test_pickles_are_refused() -> None:
    target = io.BytesIO()
    np.save(target, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BundleError, match="not a plain"):
        read_array("x.npy", target.getvalue())


def test_bytes_behind_the_array_are_refused() -> None:
    with pytest.raises(BundleError, match="bytes after its array"):
        read_array("x.npy", to_npy(np.zeros(3)) + b"PK")


@pytest.mark.parametrize("array", [np.zeros((3, 4), ">f4"), np.zeros((3, 4), np.float32, order="F")], ids=["big", "F"])
def test_other_orders_are_refused(array: np.ndarray) -> None:
    target = io.BytesIO()
    np.save(target, array)
    with pytest.raises(BundleError, match="C order and little-endian"):
        read_array("x.npy", target.getvalue())


@given(st.binary(max_size=100), st.booleans())
def test_no_bytes_break_the_reader(data: bytes, magic: bool) -> None:
    with pytest.raises(BundleError, match="not a plain"):
        read_array("x.npy", b"\x93NUMPY" * magic + data)


def test_a_cohort_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((7, tiny_bundle.DIMS)).astype(np.float32)
    identities = np.array([0, 0, 1, 1, 2, 3, 3], np.int32)
    files = {**tiny_bundle.files(), "cohort.npy": to_npy(embeddings)}
    alone = read_cohort(files)
    assert alone is not None
    assert alone[1].tolist() == [0, 1, 2, 3, 4, 5, 6]
    files["cohort_identities.npy"] = to_npy(identities)
    write_bundle(tmp_path / "a.facedge", files, tiny_bundle.manifest())
    found = read_cohort(read_bundle(tmp_path / "a.facedge").files)
    assert found is not None
    assert (found[0] == embeddings).all()
    assert (found[1] == identities).all()
    assert read_cohort(tiny_bundle.files()) is None


@pytest.mark.parametrize(
    ("name", "array", "sentence"),
    [
        ("cohort.npy", np.zeros((3, 5), np.float32), "expected finite float32"),
        ("cohort.npy", np.zeros((3, tiny_bundle.DIMS)), "expected finite float32"),
        ("cohort.npy", np.zeros((0, tiny_bundle.DIMS), np.float32), "expected finite float32"),
        ("cohort_identities.npy", np.zeros(2, np.int32), r"expected int32 \(3,\)"),
        ("cohort_identities.npy", np.zeros(3, np.int64), r"expected int32 \(3,\)"),
    ],
)
def test_a_cohort_of_another_kind_is_not_written(tmp_path: Path, name: str, array: np.ndarray, sentence: str) -> None:
    files = {
        **tiny_bundle.files(),
        "cohort.npy": to_npy(np.zeros((3, tiny_bundle.DIMS), np.float32)),
        name: to_npy(array),
    }
    with pytest.raises(BundleError, match=sentence):
        write_bundle(tmp_path / "a.facedge", files, tiny_bundle.manifest())


def test_identities_without_a_cohort_are_refused(tmp_path: Path) -> None:
    files = {**tiny_bundle.files(), "cohort_identities.npy": to_npy(np.zeros(3, np.int32))}
    with pytest.raises(BundleError, match="needs cohort"):
        write_bundle(tmp_path / "a.facedge", files, tiny_bundle.manifest())

"""The test kit inside a bundle: made, read, and noticed when an answer differs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import tiny_bundle

from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.bundle.arrays import to_npy
from facedge.errors import BundleError
from facedge.export.verifier_graph import joined_verifier
from facedge.runtime.check import check_bundle
from facedge.runtime.golden import check_golden, draw, golden_files, golden_of_head, read_golden


@pytest.fixture
def kit(tiny_bundle: Path) -> dict[str, bytes]:
    return golden_files(read_bundle(tiny_bundle))


def with_kit(folder: Path, kit: dict[str, bytes]) -> Bundle:
    return write_bundle(folder / "kit.facedge", {**tiny_bundle.files(), **kit}, tiny_bundle.manifest())


def test_a_bundle_reproduces_its_own_kit(tmp_path: Path, kit: dict[str, bytes]) -> None:
    bundle = with_kit(tmp_path, kit)
    assert check_golden(bundle).startswith("3 golden vectors reproduced, tensors bit for bit")
    assert all(finding.ok for finding in check_bundle(bundle.path))
    tolerance, cases = read_golden(bundle.files)
    assert tolerance == 1e-4
    assert [case.image.shape for case in cases] == [(73, 60, 3), (109, 89, 3), (218, 178, 3)]


def test_the_drawing_never_changes() -> None:
    image = draw(109, 89).astype(int)
    assert (image.min(), image.max()) == (0, 255)
    assert image.sum(axis=(0, 1)).tolist() == [598_741, 1_263_846, 1_060_650]


def test_one_bit_of_a_tensor_is_noticed(tmp_path: Path, kit: dict[str, bytes]) -> None:
    data = bytearray(kit["golden_small_tensor.npy"])
    data[-1] ^= 1
    bundle = with_kit(tmp_path, {**kit, "golden_small_tensor.npy": bytes(data)})
    with pytest.raises(BundleError, match="'small': 1 of 4096 values of the tensor differ"):
        check_golden(bundle)
    assert [finding.what for finding in check_bundle(bundle.path) if not finding.ok] == ["golden vectors"]


@pytest.mark.parametrize("key", ["embedding", "attributes", "probability"])
def test_another_answer_is_noticed(tmp_path: Path, kit: dict[str, bytes], key: str) -> None:
    content = json.loads(kit["golden.json"])
    case = content["cases"][1]
    case[key] = [v + 0.01 for v in case[key]] if isinstance(case[key], list) else case[key] + 0.01
    bundle = with_kit(tmp_path, {**kit, "golden.json": json.dumps(content).encode()})
    with pytest.raises(BundleError, match=r"'half': outputs differ by 1\.0e-02; expected at most 0\.0001"):
        check_golden(bundle)


def test_a_kit_of_another_head_is_noticed(tmp_path: Path, kit: dict[str, bytes]) -> None:
    files = {**tiny_bundle.files(head__onnx=tiny_bundle.head_onnx(sharpness=-20.0)), **kit}
    bundle = write_bundle(tmp_path / "kit.facedge", files, tiny_bundle.manifest())
    with pytest.raises(BundleError, match="outputs differ"):
        check_golden(bundle)


def test_another_head_changes_the_probabilities_only(kit: dict[str, bytes], tmp_path: Path) -> None:
    """Enrolling takes the template's kit over: what a device's own models give is what `golden_files` would write."""
    files = tiny_bundle.files(head__onnx=tiny_bundle.head_onnx(me=3))
    bundle = Bundle(tmp_path, tiny_bundle.manifest(), files, "")
    assert golden_of_head(bundle, kit) == golden_files(bundle)
    assert golden_of_head(bundle, files) == {}
    content = json.loads(kit["golden.json"])
    for case in content["cases"]:
        case["embedding"].append(0.0)
    assert golden_of_head(bundle, {**kit, "golden.json": json.dumps(content).encode()}) == {}
    with_graph = replace(bundle, files={**files, "verifier.onnx": joined_verifier(bundle.manifest, files)})
    assert golden_of_head(with_graph, kit) == {}  # the kit has no outputs of it
    whole = golden_files(with_graph)
    assert golden_of_head(with_graph, whole) == whole


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cases": []}, "at least one case"),
        ({"format_version": 2}, "format_version"),
        ({"tolerance": None}, "tolerance"),
        ({"cases": [{"name": "x"}]}, "lacks"),
    ],
)
def test_half_a_kit_is_refused(kit: dict[str, bytes], change: dict[str, object], sentence: str) -> None:
    content = json.loads(kit["golden.json"]) | change
    with pytest.raises(BundleError, match=sentence):
        read_golden({**kit, "golden.json": json.dumps(content).encode()})


def test_a_kit_without_its_image_is_refused(kit: dict[str, bytes]) -> None:
    del kit["golden_half_image.npy"]
    with pytest.raises(BundleError, match="a file of this bundle"):
        read_golden(kit)
    with pytest.raises(BundleError, match=r"golden_half_image\.npy: expected uint8 with 3 axes"):
        read_golden({**kit, "golden_half_image.npy": to_npy(np.zeros((3, 3), np.uint8))})

"""`bundle check` on bundles that the runtime would load, but that would mislead another host."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
import tiny_bundle

from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.bundle.arrays import to_npy
from facedge.bundle.head_onnx import verifier_with_head
from facedge.export.verifier_graph import joined_verifier, verifier_onnx
from facedge.runtime.check import Finding, check_bundle
from facedge.runtime.golden import golden_files, read_golden
from facedge.runtime.verifier_onnx import verifier_properties


def whole_bundle(folder: Path, *, threshold: float = 0.5, me: int = 0) -> Bundle:
    """The tiny bundle with verifier.onnx and test kit; the former made for `threshold` and the head of crop(me)."""
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    head = tiny_bundle.head_onnx(me=me)
    sealed = replace(manifest, threshold=threshold)
    properties = verifier_properties(sealed, {**files, "head.onnx": head})
    files["verifier.onnx"] = verifier_onnx(files["backbone.onnx"], head, tiny_bundle.SPEC, properties)
    files |= golden_files(Bundle(folder, manifest, files, ""))
    return write_bundle(folder / "whole.facedge", files, manifest)


def int8_bundle(folder: Path) -> Bundle:
    """The tiny bundle whose second backbone gives other numbers, as int8 does, and is the one in force."""
    manifest = tiny_bundle.manifest(precision="int8")
    files = tiny_bundle.files(backbone__int8__onnx=tiny_bundle.backbone_onnx(noise=0.02))
    files["verifier.onnx"] = joined_verifier(manifest, files)
    files |= golden_files(Bundle(folder, manifest, files, ""))
    return write_bundle(folder / "int8.facedge", files, manifest)


def wrong(path: Path) -> list[Finding]:
    return [finding for finding in check_bundle(path) if not finding.ok]


def test_a_whole_bundle_passes(tmp_path: Path) -> None:
    bundle = whole_bundle(tmp_path)
    assert wrong(bundle.path) == []
    messages = {finding.what: finding.message for finding in check_bundle(bundle.path)}
    assert messages["golden vectors"].startswith("3 golden vectors reproduced, tensors bit for bit")
    assert messages["verifier.onnx runs"].endswith("quality; fp32, as the manifest")


def test_a_verifier_graph_with_another_threshold_is_found(tmp_path: Path) -> None:
    (finding,) = wrong(whole_bundle(tmp_path, threshold=0.1).path)
    assert finding.message.startswith("verifier.onnx: property facedge.threshold should be '0.5', got '0.1'")


def test_a_verifier_graph_of_another_head_is_found(tmp_path: Path) -> None:
    (finding,) = wrong(whole_bundle(tmp_path, me=1).path)
    assert finding.what == "verifier.onnx runs"
    assert "facedge.head_sha256" in finding.message


def test_a_verifier_graph_without_quality_is_found(tmp_path: Path) -> None:
    """The files of early bundles: a host could not refuse an image that is almost flat."""
    bundle = whole_bundle(tmp_path)
    model = onnx.load_from_string(bundle.files["verifier.onnx"])
    del model.graph.output[3]
    files = {**bundle.files, "verifier.onnx": model.SerializeToString()}
    (finding,) = wrong(write_bundle(tmp_path / "early.facedge", files, bundle.manifest).path)
    assert finding.what == "verifier.onnx runs" and "expected output" in finding.message


def test_a_verifier_graph_with_another_floor_is_found(tmp_path: Path) -> None:
    bundle = whole_bundle(tmp_path)
    properties = {**verifier_properties(bundle.manifest, bundle.files), "facedge.quality_floor": "0.0"}
    verifier = verifier_with_head(bundle.files["verifier.onnx"], bundle.files["head.onnx"], properties)
    files = {**bundle.files, "verifier.onnx": verifier}
    (finding,) = wrong(write_bundle(tmp_path / "lax.facedge", files, bundle.manifest).path)
    assert "property facedge.quality_floor should be '8.0', got '0.0'" in finding.message


def test_an_int8_bundle_is_checked_in_its_precision(tmp_path: Path) -> None:
    """The graph, the properties and the expected outputs are those of backbone.int8.onnx; those of float32 stay."""
    bundle = int8_bundle(tmp_path)
    assert wrong(bundle.path) == []
    case = read_golden(bundle.files)[1][0]
    assert np.abs(case.verifier["embedding"] - case.embedding).max() > 1e-3
    in_float = replace(bundle.manifest, precision="fp32")
    files = {**bundle.files, "verifier.onnx": joined_verifier(in_float, bundle.files)}
    (finding,) = wrong(write_bundle(tmp_path / "float.facedge", files, bundle.manifest).path)
    assert "facedge.backbone_sha256" in finding.message
    files["verifier.onnx"] = verifier_with_head(
        files["verifier.onnx"], files["head.onnx"], verifier_properties(bundle.manifest, files)
    )
    (finding,) = wrong(write_bundle(tmp_path / "lying.facedge", files, bundle.manifest).path)
    assert "verifier.onnx: outputs differ" in finding.message


def test_a_bundle_without_the_graph_is_told_how_to_get_it(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "old.facedge", tiny_bundle.files(), tiny_bundle.manifest()).path
    assert wrong(path) == []
    messages = {finding.what: finding.message for finding in check_bundle(path)}
    assert "facedge bundle convert" in messages["verifier.onnx"]


def test_several_wrong_files_are_several_findings(tmp_path: Path) -> None:
    path = whole_bundle(tmp_path).path
    for name in ("head.onnx", "verifier.onnx", "golden.json"):
        (path / name).write_bytes(b"x")
    assert [finding.what for finding in wrong(path)] == ["golden.json", "head.onnx", "verifier.onnx"]


def test_the_cohort_is_counted(tmp_path: Path) -> None:
    embeddings = np.eye(tiny_bundle.DIMS, dtype=np.float32)[:6]
    files = tiny_bundle.files() | {"cohort.npy": to_npy(embeddings)}
    files["cohort_identities.npy"] = to_npy(np.array([0, 0, 1, 1, 2, 2], np.int32))
    path = write_bundle(tmp_path / "a.facedge", files, tiny_bundle.manifest()).path
    messages = {finding.what: finding.message for finding in check_bundle(path)}
    assert messages["arrays"] == "cohort of 6 embeddings, 3 identities"


def test_checking_changes_nothing(tmp_path: Path) -> None:
    bundle = whole_bundle(tmp_path)
    check_bundle(bundle.path)
    assert read_bundle(bundle.path) == bundle

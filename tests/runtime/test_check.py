"""`bundle check` on bundles that the runtime would load, but that would mislead another host."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import tiny_bundle

from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.bundle.arrays import to_npy
from facedge.bundle.head_onnx import verifier_properties
from facedge.export.verifier_graph import verifier_onnx
from facedge.runtime.check import Finding, check_bundle
from facedge.runtime.golden import golden_files


def whole_bundle(folder: Path, *, threshold: float = 0.5, me: int = 0) -> Bundle:
    """The tiny bundle with verifier.onnx and test kit; the former made for `threshold` and the head of crop(me)."""
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    head = tiny_bundle.head_onnx(me=me)
    sealed = replace(manifest, threshold=threshold)
    properties = verifier_properties(sealed, {**files, "head.onnx": head})
    files["verifier.onnx"] = verifier_onnx(files["backbone.onnx"], head, tiny_bundle.SPEC, properties)
    files |= golden_files(Bundle(folder, manifest, files, ""))
    return write_bundle(folder / "whole.facedge", files, manifest)


def wrong(path: Path) -> list[Finding]:
    return [finding for finding in check_bundle(path) if not finding.ok]


def test_a_whole_bundle_passes(tmp_path: Path) -> None:
    bundle = whole_bundle(tmp_path)
    assert wrong(bundle.path) == []
    messages = {finding.what: finding.message for finding in check_bundle(bundle.path)}
    assert messages["golden vectors"].startswith("3 golden vectors reproduced, tensors bit for bit")
    assert messages["verifier.onnx runs"].endswith("its properties match the manifest")


def test_a_verifier_graph_with_another_threshold_is_found(tmp_path: Path) -> None:
    (finding,) = wrong(whole_bundle(tmp_path, threshold=0.1).path)
    assert finding.message == "verifier.onnx: property facedge.threshold should be '0.5', got '0.1'"


def test_a_verifier_graph_of_another_head_is_found(tmp_path: Path) -> None:
    (finding,) = wrong(whole_bundle(tmp_path, me=1).path)
    assert finding.what == "verifier.onnx runs"
    assert "facedge.head_sha256" in finding.message


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

"""`facedge bundle convert`: older bundles get verifier.onnx; everything else in them keeps its bytes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_bundle

from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.bundle.head_onnx import head_onnx_bytes, read_head
from facedge.bundle.resolve import pretrained
from facedge.errors import BundleError, InputError
from facedge.export.convert import convert_bundle
from facedge.runtime.check import check_bundle
from facedge.runtime.golden import GOLDEN, golden_files

WITHOUT_ONNX = """
import sys
sys.modules["onnx"] = sys.modules["torch"] = None
from pathlib import Path
from facedge.errors import MissingDependencyError
from facedge.export.convert import convert_bundle
try:
    convert_bundle(Path(sys.argv[1]))
except MissingDependencyError as problem:
    sys.exit(str(problem))
"""


def old_bundle(path: Path) -> Bundle:
    """The tiny bundle with a test kit, as it was written before bundles had verifier.onnx."""
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    files |= golden_files(Bundle(path, manifest, files, ""))
    return write_bundle(path, files, manifest, private=True)


def old_enrolled(path: Path) -> Bundle:
    """A person enrolled with the package's own backbone before its bundle had verifier.onnx."""
    base = read_bundle(pretrained())
    w = read_head(base.files["head.onnx"])
    head = head_onnx_bytes(w.hidden_weight + 0.1, w.hidden_bias, w.output_weight + 0.1, w.output_bias + 200)
    files = {**base.files, "head.onnx": head}
    del files["verifier.onnx"]
    manifest = replace(base.manifest, name="ana", enrolled=True, threshold=0.5, files={})
    files |= golden_files(Bundle(path, manifest, files, ""))
    return write_bundle(path, files, manifest, private=True)


def faults(path: Path) -> list[str]:
    return [finding.message for finding in check_bundle(path) if not finding.ok]


def test_in_place_nothing_else_changes(tmp_path: Path) -> None:
    before = old_bundle(tmp_path / "old.facedge")
    after, made = convert_bundle(before.path)
    assert made and faults(after.path) == []
    assert set(after.files) - set(before.files) == {"verifier.onnx"}
    assert {n for n, data in before.files.items() if after.files[n] != data} == {GOLDEN}
    assert replace(after.manifest, files={}) == replace(before.manifest, files={})
    kit = json.loads(after.files[GOLDEN])
    assert [set(case.pop("verifier")) for case in kit["cases"]] == [
        {"embedding", "attributes", "probability", "quality"}
    ] * 3
    assert kit == json.loads(before.files[GOLDEN])
    assert after.path.stat().st_mode & 0o777 == 0o700


def test_a_converted_bundle_is_left_alone(tmp_path: Path) -> None:
    converted, _ = convert_bundle(old_bundle(tmp_path / "old.facedge").path)
    again, made = convert_bundle(converted.path)
    assert not made and again == converted
    copy, made = convert_bundle(converted.path, tmp_path / "copy.facedge")
    assert not made and copy.sha256 == converted.sha256


def test_a_graph_of_another_head_is_made_again(tmp_path: Path) -> None:
    converted, _ = convert_bundle(old_bundle(tmp_path / "old.facedge").path)
    files = {**converted.files, "head.onnx": tiny_bundle.head_onnx(me=1)}
    kit = golden_files(replace(converted, files={k: v for k, v in files.items() if not k.startswith("golden")}))
    changed = write_bundle(tmp_path / "changed.facedge", {**files, **kit}, converted.manifest)
    assert faults(changed.path)
    _, made = convert_bundle(changed.path)
    assert made and faults(changed.path) == []


def test_to_another_name(tmp_path: Path) -> None:
    before = old_bundle(tmp_path / "old.facedge")
    after, _ = convert_bundle(before.path, tmp_path / "new.facedge")
    assert after.path == tmp_path / "new.facedge" and faults(after.path) == []
    assert read_bundle(before.path) == before
    with pytest.raises(InputError, match=r"new\.facedge exists"):
        convert_bundle(before.path, tmp_path / "new.facedge")
    with pytest.raises(BundleError, match="name ends in"):
        convert_bundle(before.path, tmp_path / "new")


def test_a_device_converts_what_it_enrolled(tmp_path: Path) -> None:
    """Without the onnx package, since the backbone is the package's own."""
    path = old_enrolled(tmp_path / "ana.facedge").path
    subprocess.run([sys.executable, "-c", WITHOUT_ONNX, str(path)], check=True)
    assert "verifier.onnx" in read_bundle(path).files and faults(path) == []


def test_another_backbone_needs_onnx(tmp_path: Path) -> None:
    before = old_bundle(tmp_path / "old.facedge")
    done = subprocess.run([sys.executable, "-c", WITHOUT_ONNX, str(before.path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "tiny has another backbone than the package's own, so joining its graphs needs onnx: pip install "
        "'facedge[train]', or convert it where that is installed"
    )
    assert read_bundle(before.path) == before


def test_a_kit_that_is_not_reproduced_stops_it(tmp_path: Path) -> None:
    before = old_bundle(tmp_path / "old.facedge")
    kit = json.loads(before.files[GOLDEN])
    kit["cases"][0]["embedding"][0] += 0.01
    files = {**before.files, GOLDEN: json.dumps(kit).encode()}
    wrong = write_bundle(tmp_path / "wrong.facedge", files, before.manifest)
    with pytest.raises(BundleError, match="outputs differ"):
        convert_bundle(wrong.path)
    assert read_bundle(wrong.path) == wrong

"""The program in deploy/README.md, run as it stands there."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("onnx")
import tiny_bundle
from PIL import Image
from wrong_vectors import undefined_output, with_wrong_vector

from facedge.bundle import Bundle, write_bundle
from facedge.export.verifier_graph import verifier_onnx
from facedge.runtime.golden import golden_files
from facedge.runtime.verifier_onnx import verifier_properties

README = Path(__file__).resolve().parents[2] / "deploy" / "README.md"


def write_verifier(folder: Path, threshold: float | None) -> None:
    files = tiny_bundle.files()
    manifest = replace(
        tiny_bundle.manifest(), enrolled=threshold is not None, threshold=threshold, calibration=None, precision="fp32"
    )
    properties = verifier_properties(manifest, files)
    graph = verifier_onnx(files["backbone.onnx"], files["head.onnx"], tiny_bundle.SPEC, properties)
    folder.mkdir(exist_ok=True)
    (folder / "verifier.onnx").write_bytes(graph)


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, ["accept", "reject"]), (None, ["reject", "reject"])])
def test_the_program_without_facedge(tmp_path: Path, threshold: float | None, expected: list[str]) -> None:
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found
    (tmp_path / "program.py").write_text(found[1])
    write_verifier(tmp_path / "tiny.facedge", threshold)
    for seed in (0, 1):
        Image.fromarray(tiny_bundle.crop(seed)).save(tmp_path / f"{seed}.png")
    flat = (128 + 0.05 * (tiny_bundle.crop(0).astype(float) - 128)).astype("uint8")  # scores as the crop does
    Image.fromarray(flat).save(tmp_path / "flat.png")
    command = [sys.executable, "-I", "program.py", "tiny.facedge", "0.png", "1.png", "flat.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == [*expected, "reject"]
    assert float(lines[2][1]) > 0.5


def test_an_output_that_is_no_number_is_noticed(tmp_path: Path) -> None:
    path, files, manifest = tmp_path / "tiny.facedge", tiny_bundle.files(), tiny_bundle.manifest()
    files["verifier.onnx"] = verifier_onnx(files["backbone.onnx"], files["head.onnx"], tiny_bundle.SPEC, {})
    kit = golden_files(Bundle(path, manifest, files, ""))
    files["verifier.onnx"] = verifier_onnx(
        undefined_output(files["backbone.onnx"]), files["head.onnx"], tiny_bundle.SPEC, {}
    )
    write_bundle(path, files | kit, manifest)
    command = [sys.executable, str(README.parent / "golden.py"), str(path)]
    assert subprocess.run(command, capture_output=True, text=True).returncode == 1


@pytest.mark.slow
def test_the_table_of_hosts(tmp_path: Path) -> None:
    """Every host that can run here gives the golden vectors; a bundle with a wrong one is told from it."""
    path = tmp_path / "tiny.facedge"
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    files["verifier.onnx"] = verifier_onnx(files["backbone.onnx"], files["head.onnx"], tiny_bundle.SPEC, {})
    write_bundle(path, files | golden_files(Bundle(path, manifest, files, "")), manifest)
    command = [sys.executable, str(README.parent / "hosts.py")]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[:23].strip(): line[23:].split() for line in done.stdout.splitlines()[2:]}
    assert rows["Python, bare"][0] == "0" and rows["Python, facedge"] == ["0", "0.0e+00"]
    assert len(rows) == 6 and all(words[:2] == ["not", "tried:"] or words[0] == "0" for words in rows.values())
    wrong = with_wrong_vector(path, tmp_path / "wrong.facedge", "tensor", 0)
    done = subprocess.run([*command, str(wrong)], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout

"""`facedge eval`: from a bundle and faces to a report, and one sentence for each thing that goes wrong."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the tiny bundle is built with the onnx package")

from command_line import run
from PIL import Image
from tiny_bundle import crop, write_tiny
from tiny_faces import write_tiny_faces


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_faces(tmp_path_factory.mktemp("eval") / "faces", people=30, photos=3)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("eval") / "tiny.facedge").path


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FACEDGE_FACES_DIR", "FACEDGE_SEED", "FACEDGE_THREADS", "FACEDGE_VERBOSE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten people with two aligned photos each; person 9 is in dim light. Lists to choose on and to test."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for person in range(10):
        (folder / "photos" / f"P{person}").mkdir(parents=True)
        for k in (1, 2):
            noisy = np.clip(crop(person) + rng.normal(0, 10, (218, 178, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / "photos" / f"P{person}" / f"P{person}_000{k}.jpg", quality=95)
    genuine = [f"P{k}\t1\t2" for k in range(10)]
    impostor = [f"P{k}\t1\tP{k + 1}\t2" for k in range(9)] + ["P9\t1\tP0\t1"]
    for name in ("pairsDevTrain.txt", "pairsDevTest.txt"):
        (folder / name).write_text("\n".join(["10", *genuine, *impostor]) + "\n")
    folds = [*genuine[:5], *impostor[:5], *genuine[5:], *impostor[5:]]
    (folder / "pairs.txt").write_text("\n".join(["2\t5", *folds]) + "\n")
    return folder


def test_a_bundle_and_faces_make_a_report(
    bundle: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("eval", bundle, "--faces", faces, "-o", tmp_path / "report") == 0
    record = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert record["bundle"]["name"] == "tiny"
    assert record["verification"]["identities"] == 30
    assert record["robustness"] is None
    assert record["command"] == f"facedge eval {bundle} --faces {faces} -o {tmp_path / 'report'}"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(record["created"])).total_seconds()) < 600
    said = capsys.readouterr()
    assert "attributes" in said.out
    assert "enrolled     accepts 0.0 % (" in said.out
    assert "TAR at FAR 1 %" in said.out
    assert "report.html" in said.err
    assert "<svg" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_listed_pairs_take_their_threshold_from_the_list_beside(bundle: Path, pairs: Path, tmp_path: Path) -> None:
    assert run("eval", bundle, "--pairs", pairs / "pairsDevTest.txt", "--images", pairs / "photos", "-o", tmp_path) == 0
    record = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    found = record["pairs"]
    assert (found["name"], found["genuine"], found["impostor"]) == ("pairsDevTest", 10, 10)
    assert found["accuracy"] == 1.0
    assert found["no_face"] == 0
    assert "pairsDevTrain.txt" in found["method"]
    assert record["verification"] is None


def test_a_list_with_folds_is_cross_validated(bundle: Path, pairs: Path, tmp_path: Path) -> None:
    assert run("eval", bundle, "--pairs", pairs / "pairs.txt", "--images", pairs / "photos", "-o", tmp_path) == 0
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["pairs"]
    assert found["method"].startswith("2 folds")
    assert found["accuracy"] == 1.0


def test_a_photo_without_a_face_is_rejected_not_skipped(
    bundle: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedge.report import pairs as listed

    real = listed._crop
    monkeypatch.setattr(listed, "_crop", lambda path: None if path.name == "P3_0002.jpg" else real(path))
    assert run("eval", bundle, "--pairs", pairs / "pairsDevTest.txt", "--images", pairs / "photos", "-o", tmp_path) == 0
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["pairs"]
    assert found["no_face"] == 1
    assert found["accuracy"] == 0.95  # its genuine pair is lost; its impostor pair is rejected, which is correct


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ([], "nothing to evaluate on"),
        (["--pairs", "pairsDevTest.txt"], "give their folder with --images"),
        (["--pairs", "pairsDevTest.txt", "--images", "nowhere"], "20 of 20 listed photos are not there"),
        (["--pairs", "missing.txt", "--images", "photos"], "missing.txt"),
        (["--faces", "photos"], "faces.json"),
        (["--pairs", "lonely/list.txt", "--images", "photos"], "give them with --pairs-train"),
    ],
)
def test_each_error_is_one_sentence(
    bundle: Path,
    pairs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    extra: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(pairs)
    (pairs / "lonely").mkdir(exist_ok=True)
    (pairs / "lonely" / "list.txt").write_text("1\nP0 1 2\nP0 1 P1 1\n")
    assert run("eval", bundle, *extra, "-o", tmp_path / "report") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert sentence in said[0]
    assert not (tmp_path / "report").exists()


def test_a_target_without_a_model_is_refused(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("eval", tmp_path, "--faces", faces, "-o", tmp_path / "report") == 2
    assert "neither a bundle" in capsys.readouterr().err


def test_a_bundle_is_evaluated_without_torch_or_matplotlib(bundle: Path, faces: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'matplotlib', 'cv2'): sys.modules[name] = None\n"
        "from facedge.cli import main\n"
        f"main(['-q', 'eval', {str(bundle)!r}, '--faces', {str(faces)!r}, '-o', {str(tmp_path / 'report')!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").is_file()


def test_an_enrolled_person_may_be_named(
    faces: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name means the person, even where a run folder of that name is beside."""
    shutil.copytree(bundle, tmp_path / "data" / "facedge" / "ana.facedge")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ana").mkdir()
    (tmp_path / "ana" / "config.json").write_text("{}")
    assert run("eval", "ana", "--faces", faces, "-o", tmp_path / "report") == 0
    assert run("eval", "ben", "--faces", faces, "-o", tmp_path / "other") == 2
    assert "nobody called 'ben' is enrolled (enrolled: ana)" in capsys.readouterr().err

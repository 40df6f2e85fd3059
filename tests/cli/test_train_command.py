"""`facedge train` as its user meets it: what it refuses, how it resumes, several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from signals import hear_ctrl_c

from facedge.cli import main
from facedge.dataset.prepare import prepare_faces
from facedge.dataset.synthetic import write_synthetic_celeba


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train-command")
    write_synthetic_celeba(folder / "celeba", identities=20, images_per_identity=8)
    prepare_faces(folder / "celeba", folder / "faces", workers=1)
    return folder / "faces"


def facedge(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return int(stop.value.code or 0)


SMALL = ("--size", 32, "--batch", 32, "--threads", 1, "--device", "cpu")


def test_a_run_folder_holds_what_a_run_is(faces: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 2, *SMALL) == 0
    assert {p.name for p in run.iterdir()} == {
        "config.json", "metrics.jsonl", "weights.safetensors", "checkpoint.pt", "curves.png",
    }  # fmt: skip
    config = json.loads((run / "config.json").read_text())
    assert (config["arch"], config["spec"]["size"], config["recipe"]["epochs"]) == ("edge", 32, 2)


def test_what_cannot_be_trained_is_one_sentence(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("do not overwrite")
    cases = [
        (("train", "backbone", tmp_path / "none", "-o", tmp_path / "a"), "none"),
        (("train", "backbone", faces, "-o", tmp_path / "full"), "is not empty"),
        (("train", "backbone", faces, "-o", tmp_path / "b", "--arch", "huge"), "expected --arch edge or plain"),
        (("train", "backbone", faces, "-o", tmp_path / "c", "--size", 50), "multiple of 16"),
        (("train", "backbone", faces, "-o", tmp_path / "d", "--device", "tpu"), "auto, cpu or cuda"),
        (("train", "backbone", faces, "-o", tmp_path / "e", "--resume"), "config.json"),
        (("train", "backbone", faces, "-o", tmp_path / "f", "--teacher", tmp_path / "t.onnx"), "cannot be read"),
        (("train", "head", tmp_path / "none", "-o", tmp_path / "g", "--me", faces, "--others", faces), "config.json"),
    ]
    for words, expected in cases:
        assert facedge(*words) == 2, words
        err = capsys.readouterr().err
        assert expected in err, err
        assert "Traceback" not in err
        assert err.count("facedge: error:") == 1


def test_resume_wants_the_options_the_run_was_begun_with(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, *SMALL) == 0
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, *SMALL, "--seed", 9, "--resume") == 2
    assert "begun with another seed" in capsys.readouterr().err
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, *SMALL, "--resume") == 0


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_resumes(faces: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "facedge", "train", "backbone", str(faces), "-o", str(run), "--epochs", "500"]
    command += [str(word) for word in SMALL]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c)
    deadline = time.monotonic() + 120
    while not (run / "checkpoint.pt").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not list(run.glob(".*.tmp"))


@pytest.mark.slow
def test_two_processes_train_like_one(faces: Path, tmp_path: Path) -> None:
    options = ["--epochs", "4", *(str(word) for word in SMALL)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    env = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    two = [*torchrun, "-m", "facedge", "train", "backbone", str(faces), "-o", str(tmp_path / "two"), *options]
    finished = subprocess.run(two, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert facedge("train", "backbone", faces, "-o", tmp_path / "one", *options) == 0
    one, both = (
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1]) for name in ("one", "two")
    )
    assert both["losses"]["attributes"] == pytest.approx(one["losses"]["attributes"], rel=0.1)
    assert both["attribute_accuracy"] == pytest.approx(one["attribute_accuracy"], abs=0.05)

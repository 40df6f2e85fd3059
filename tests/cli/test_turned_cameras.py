"""`--rotate` and `--aspect`, from enroll to verify: a camera that hangs upside down, one whose picture is squeezed."""

import typing
from pathlib import Path

import pytest
from command_line import run
from PIL import Image, ImageOps

from facedge.cli._options import REASONS
from facedge.enrollment.capture import ADVICE
from facedge.faces.crop import CropReason
from facedge.imaging import load_rgb
from facedge.live.watcher import STATES
from facedge.runtime.decision import Reason

PHOTOS = ("obama.jpg", "obama2.jpg", "obama3.jpg")


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def record(shared_data: Path, folder: Path, *, turned: int = 0, width: float = 1.0) -> Path:
    """A camera's recording: six square frames of each of three photos of a person, turned clockwise and resized."""
    folder.mkdir()
    for number, name in enumerate(name for name in PHOTOS for _ in range(6)):
        image = Image.fromarray(load_rgb(shared_data / "photos" / "me" / name))
        frame = ImageOps.pad(image, (600, 600)).rotate(-turned)
        frame.resize((round(600 * width), 600)).save(folder / f"{number:02}.png")
    return folder


def test_every_reason_has_its_words() -> None:
    assert set(REASONS) == set(typing.get_args(Reason))
    assert set(typing.get_args(CropReason)) <= set(ADVICE)
    assert set(typing.get_args(CropReason)) <= set(STATES)


@pytest.mark.parametrize("command", [["verify"], ["enroll", "ana"]])
@pytest.mark.parametrize(("option", "value"), [("--rotate", "45"), ("--aspect", "wide")])
def test_other_values_are_2(command: list[str], option: str, value: str, tiny_bundle: Path) -> None:
    assert run(*command, "-b", tiny_bundle, "--camera", "0", option, value) == 2


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_an_upside_down_camera_enrolls_and_verifies(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upright, inverted = record(shared_data, tmp_path / "up"), record(shared_data, tmp_path / "down", turned=180)
    assert run("enroll", "ana", "--camera", inverted) == 0
    assert "(--rotate 180)" in capsys.readouterr().err
    assert run("verify", "-b", "ana", "--camera", inverted) == 0
    assert run("verify", "-b", "ana", "--camera", inverted, "--rotate", "180") == 0
    assert run("verify", "-b", "ana", "--camera", upright) == 0  # the template is that of an upright face
    assert run("verify", "-b", "ana", "--camera", inverted, "--rotate", "0") == 1
    assert run("enroll", "ben", "--camera", inverted, "--rotate", "0") == 2


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_a_squeezed_camera_is_refused_until_its_aspect_is_given(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    squeezed = record(shared_data, tmp_path / "squeezed", width=0.67)
    assert run("enroll", "ana", "--camera", squeezed) == 2
    problem = capsys.readouterr().err
    assert "squeezed to" in problem
    assert "--aspect" in problem
    assert run("enroll", "ana", "--camera", squeezed, "--aspect", "1:1") == 0
    assert "squeezed to" not in capsys.readouterr().err
    assert run("verify", "-b", "ana", "--camera", squeezed, "--aspect", "1:1") == 0


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_squeezed_photos_do_not_enroll(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("enroll", "ana", "--from", record(shared_data, tmp_path / "narrow", width=0.5)) == 2
    assert "squeezed to" in capsys.readouterr().err
    assert run("enroll", "ana", "--from", record(shared_data, tmp_path / "as it is")) == 0
    assert "squeezed to" not in capsys.readouterr().err

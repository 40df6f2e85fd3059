"""`facedge attributes`: a readable list, JSON lines, exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from command_line import run
from PIL import Image
from tiny_bundle import NAMES, crop, write_tiny


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(crop(1)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_likely_attributes_are_listed_likeliest_first(
    tiny_bundle: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("attributes", photo, "-b", tiny_bundle) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == str(photo)
    assert [line.split()[0] for line in shown[1:]] == ["Male", "Young", "Eyeglasses"]
    assert run("attributes", photo, "-b", tiny_bundle, "--all") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(NAMES)


def test_json_lines(tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = write_tiny(tmp_path / "t.facedge", enrolled=False, threshold=None, calibration=None)
    Image.fromarray(np.zeros((218, 178, 3), np.uint8)).save(tmp_path / "dark.png")
    assert run("attributes", photo, tmp_path / "dark.png", "--json", "-b", template.path) == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["reason"] for record in records] == [None, "low_quality"]
    assert list(records[0]["attributes"]) == list(NAMES)
    assert all(0 <= value <= 1 for value in records[0]["attributes"].values())
    assert records[1]["attributes"] == {}


def test_a_broken_image_is_2(tiny_bundle: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo.write_bytes(photo.read_bytes()[:200])
    assert run("attributes", photo, "-b", tiny_bundle) == 2
    assert "a.png" in capsys.readouterr().err

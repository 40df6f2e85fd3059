"""`facedge verify --camera --on-accept CMD`: the command runs once for an accept, with the event on its stdin."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image

RECORD = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


@pytest.mark.real
@pytest.mark.slow
def test_the_command_of_an_accept_runs_once(
    tmp_path: Path,
    shared_data: Path,
    detector: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("cv2")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    video = shared_data / "video" / "one_face_960x540.mp4"
    assert run("enroll", "ana", "--camera", f"{video}#t=0,3", "-q") == 0
    script, record = tmp_path / "record.py", tmp_path / "events"
    script.write_text(RECORD)
    command = f"{sys.executable} {script} {record}"
    code = run(
        "verify", "--camera", f"{video}#t=4", "-b", "ana", "--once", "--on-accept", command, "--on-reject", command
    )
    assert code == 0
    (line,) = record.read_text().splitlines()
    assert json.loads(line)["event"] == "accept"


def test_commands_need_a_camera_and_a_program(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((218, 178, 3), np.uint8)).save(tmp_path / "a.png")
    assert run("verify", tmp_path / "a.png", "-b", tiny_bundle, "--on-accept", "true") == 2
    assert "go with --camera" in capsys.readouterr().err
    assert run("verify", "--camera", tmp_path, "-b", tiny_bundle, "--on-accept", "no-such-program-here") == 2
    assert "'no-such-program-here' is not found" in capsys.readouterr().err

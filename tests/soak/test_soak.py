"""The soak test for two minutes; FACEDGE_SOAK_SECONDS makes it longer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SECONDS = float(os.environ.get("FACEDGE_SOAK_SECONDS", "120"))
FAULTS = {"camera raises", "camera nothing", "camera hangs", "camera black", "camera same", "lock, clock back"}
ENDS = {"bundle updated", "SIGTERM", "SIGKILL"}

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory, descriptors and threads are read from /proc")
def test_faults_of_all_kinds_and_no_wrong_event(shared_data: Path, detector: None, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    command = [sys.executable, HERE / "soak.py", "--data", shared_data, "--seconds", str(SECONDS)]
    done = subprocess.run(
        [*map(str, command), "-o", str(tmp_path / "found.json")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["wrong"] == []
    assert found["done"].keys() >= FAULTS | ENDS
    assert found["frames"] > 200

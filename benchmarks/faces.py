"""How long the way from a photo to a crop takes without the networks, in this tree and in another, in turns.

    python benchmarks/faces.py photo.jpg --before ../facedge-before      # a checkout with its kernel built

Each round runs one process for each tree, one after the other, so that both meet the same load; a process measures its
own processor time. Printed: the median of each, in microseconds, and the median of the rounds' ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

WORKER = """
import json, sys, time
import numpy as np
from facedge.faces import boxes, crop, landmarks, plausible
from facedge.faces.align import align
from facedge.faces.quality import measure
from facedge.faces.yunet import Detector
from facedge.imaging import load_rgb

photo = load_rgb(sys.argv[1])
stored = {}

class Recorded(Detector):
    "The network runs once for each input: what is left to measure is everything else."
    def run(self, planes):
        key = planes.tobytes()
        if key not in stored:
            stored[key] = super().run(planes)
        return stored[key]

def us(work, n=40):
    work(); work()
    times = []
    for _ in range(n):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e6 * sorted(times)[n // 4]

detector = Recorded()
found = crop.find_crop(photo, detector=detector, aligned=False)
box = boxes.fit_letterbox(*photo.shape[:2], 320)
planes = boxes.input_planes(photo, box)
outputs = Detector.run(detector, planes)
frame = found.face.landmarks
print(json.dumps({
    "letterbox": us(lambda: boxes.input_planes(photo, box)),
    "decode and suppress": us(lambda: boxes.non_max_suppression(boxes.decode(outputs, planes.shape[3], 0.6), 0.3)),
    "align": us(lambda: align(photo, frame)),
    "quality": us(lambda: measure(found.crop, found.landmarks)),
    "hash of the planes": us(lambda: planes.tobytes().__hash__()),
    "refine": us(lambda: landmarks.refine(photo, frame, detector=detector)),
    "check": us(lambda: plausible.check_face(photo, landmarks.Refined(frame, 0.77), detector=detector)),
    "photo to crop": us(lambda: crop.find_crop(photo, detector=detector, aligned=False)),
    "next frame": us(lambda: landmarks.follow(photo, frame, detector=detector) and align(photo, frame)),
}))
"""


def figures(tree: Path, photo: Path) -> dict[str, float]:
    """Microseconds by step, of a process that imports facedge from `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WORKER, str(photo)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure both trees in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--before", type=Path, required=True, help="the other tree")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    here, photo = Path(__file__).resolve().parents[1], options.photo.resolve()
    rounds = [(figures(options.before.resolve(), photo), figures(here, photo)) for _ in range(options.rounds)]
    print("| step | before, us | now, us | times as fast |\n|---|--:|--:|--:|")
    for step in rounds[0][1]:
        before, now = ([pair[k][step] for pair in rounds] for k in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(before, now, strict=True))
        print(f"| {step} | {statistics.median(before):.0f} | {statistics.median(now):.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()

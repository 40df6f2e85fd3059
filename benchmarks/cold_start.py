"""Cold start: `facedge verify one.jpg` against the same imports and models loaded bare, in turn.

    python benchmarks/cold_start.py BUNDLE PHOTO [--rounds 15] [--facedge-c deploy/c/build/facedge-c]

Prints the median milliseconds of each command and its ratio to the bare one (the aim: at most 1.5). The bare one opens
the bundle's backbone and head and, for a photo that is no aligned crop, the face detector. Every command is a fresh
process with a warm disk cache; they alternate, so that a busy or throttled machine slows all of them alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import onnxruntime

from facedge.bundle.format import BACKBONES
from facedge.faces.crop import is_aligned
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb

BARE = """
import sys, onnxruntime, PIL.Image
for name in sys.argv[1:]:
    onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])
"""
PYTHON_API = "import sys, facedge; facedge.load(sys.argv[1]).verify(sys.argv[2])"


def commands(bundle: Path, photo: Path, program: Path | None = None) -> dict[str, list[str]]:
    """The commands that are compared, by name; the bare one first. program: facedge-c."""
    precision = json.loads((bundle / "manifest.json").read_text())["precision"]
    backbone = bundle / BACKBONES[precision]
    python = sys.executable
    models = [backbone, bundle / "head.onnx", *([] if is_aligned(load_rgb(photo)) else [find_model()])]
    in_c = {"facedge-c verify": [str(program), "verify", str(photo), "-b", str(bundle)]} if program else {}
    return {
        "bare imports and models": [python, "-c", BARE, *map(str, models)],
        "facedge.load().verify()": [python, "-c", PYTHON_API, str(bundle), str(photo)],
        "facedge verify": [python, "-m", "facedge", "-q", "verify", str(photo), "-b", str(bundle)],
        "facedge --help": [python, "-m", "facedge", "--help"],
        "import typer": [python, "-c", "import typer"],
        **in_c,
    }


def milliseconds(command: list[str]) -> float:
    """Wall time of one run; anything but an answer (exit code 0 or 1) stops the benchmark."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    elapsed = 1000 * (time.perf_counter() - start)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command[:4])} ... failed: {done.stderr.strip()}")
    return elapsed


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--facedge-c", type=Path, dest="program")
    options = parser.parse_args()
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for the bare command too
    if options.program:
        capi = Path(onnxruntime.__file__).parent / "capi"
        os.environ["FACEDGE_ONNXRUNTIME"] = str(next(capi.glob("libonnxruntime.so*")))
        os.environ["FACEDGE_DETECTOR"] = str(find_model())
    jobs = commands(options.bundle, options.photo, options.program)
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for name, command in [*jobs.items()] * options.rounds:
        times[name].append(milliseconds(command))
    bare = times["bare imports and models"]
    print(f"{'':26}{'median':>9}  ratio to bare")
    for name, values in times.items():
        ratio = statistics.median(value / base for value, base in zip(values, bare, strict=True))
        print(f"{name:26}{statistics.median(values):6.0f} ms  {ratio:5.2f}")


if __name__ == "__main__":
    main()

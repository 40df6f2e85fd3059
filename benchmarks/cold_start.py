"""Cold start: `facedge verify one.jpg` against the same imports and models loaded bare, and in C, in turn.

    python benchmarks/cold_start.py BUNDLE PHOTO [--rounds 15] [--facedge-c deploy/c/build/facedge-c [OLDER ...]]

Prints, for each command, the median milliseconds of wall time and of processor time (all threads together), and both
as a multiple of the bare one (the aim for `facedge verify`: at most 1.5). The bare one opens the bundle's backbone and
head and, for a photo that is no aligned crop, the face detector; "onnxruntime and its sessions" does the same in C, and
no program in C can be faster. Every command is a fresh process with a warm disk cache; they alternate, so that a busy
or throttled machine slows all of them alike, the processor time less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from facedge.bundle.format import BACKBONES
from facedge.faces.crop import is_aligned
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb

HOST = Path(__file__).resolve().parents[1] / "deploy" / "c"

BARE = """
import sys, onnxruntime, PIL.Image
for name in sys.argv[1:]:
    onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])
"""
PYTHON_API = "import sys, facedge; facedge.load(sys.argv[1]).verify(sys.argv[2])"


def commands(bundle: Path, photo: Path) -> dict[str, list[str]]:
    """The commands in Python that are compared, by name; the bare one first."""
    python = sys.executable
    return {
        "bare imports and models": [python, "-c", BARE, *map(str, models_of(bundle, photo))],
        "facedge.load().verify()": [python, "-c", PYTHON_API, str(bundle), str(photo)],
        "facedge verify": [python, "-m", "facedge", "-q", "verify", str(photo), "-b", str(bundle)],
        "facedge --help": [python, "-m", "facedge", "--help"],
        "import typer": [python, "-c", "import typer"],
    }


def models_of(bundle: Path, photo: Path) -> list[Path]:
    """The files of the networks that the photo needs."""
    precision = json.loads((bundle / "manifest.json").read_text())["precision"]
    detector = [] if is_aligned(load_rgb(photo)) else [find_model()]
    return [bundle / BACKBONES[precision], bundle / "head.onnx", *detector]


def commands_in_c(bundle: Path, photo: Path, programs: Sequence[Path], folder: Path) -> dict[str, list[str]]:
    """Those of facedge-c, by name, and the floor, built in `folder`."""
    source = Path(__file__).with_name("cold_start_floor.c")
    floor = folder / "floor"
    command = ["cc", "-O2", f"-I{HOST}", "-o", str(floor), str(source), str(HOST / "engine.c"), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    names = ["facedge-c verify", *(f"facedge-c verify, {number}" for number in range(2, 1 + len(programs)))]
    verify = {
        name: [str(program), "verify", str(photo), "-b", str(bundle)]
        for name, program in zip(names, programs, strict=True)
    }
    return {"onnxruntime and its sessions": [str(floor), *map(str, models_of(bundle, photo))], **verify}


def milliseconds(command: list[str]) -> tuple[float, float]:
    """Wall and processor time of one run; anything but an answer (exit code 0 or 1) stops the benchmark."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said) as process:
        _, status, used = os.wait4(process.pid, 0)
        elapsed = 1000 * (time.perf_counter() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode not in (0, 1):
            sys.exit(f"{' '.join(command[:4])} ... failed: {said.read().decode(errors='replace').strip()}")
    return elapsed, 1000 * (used.ru_utime + used.ru_stime)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--facedge-c", type=Path, nargs="+", default=[], dest="programs")
    options = parser.parse_args()
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for the bare command too
    jobs = commands(options.bundle, options.photo)
    with tempfile.TemporaryDirectory() as folder:
        if options.programs:
            capi = Path(onnxruntime.__file__).parent / "capi"
            os.environ["FACEDGE_ONNXRUNTIME"] = str(next(capi.glob("libonnxruntime.so*")))
            os.environ["FACEDGE_DETECTOR"] = str(find_model())
            jobs |= commands_in_c(options.bundle, options.photo, options.programs, Path(folder))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
        for name, command in [*jobs.items()] * options.rounds:
            times[name].append(milliseconds(command))
    print_table(times)


def print_table(times: dict[str, list[tuple[float, float]]]) -> None:
    """A row for each command; times are (wall, processor) of each round, the bare command's first."""
    bare = next(iter(times.values()))
    print(f"{'':30}{'wall':>8}   ratio {'processor':>11}   ratio")
    for name, values in times.items():
        row = ""
        for kind in (0, 1):
            ratio = statistics.median(value[kind] / base[kind] for value, base in zip(values, bare, strict=True))
            row += f"{statistics.median(value[kind] for value in values):6.0f} ms{ratio:8.2f}   "
        print(f"{name:30}{row.rstrip()}")


if __name__ == "__main__":
    main()

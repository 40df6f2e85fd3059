"""Benchmark of a bundle on this device: stages, threads, precisions, cold start, memory.

Jobs that are compared run interleaved, in turn, so that warming up or throttling affects all of them alike.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from facedge.bundle import Bundle
from facedge.bundle.format import BACKBONES
from facedge.errors import FacedgeError, MissingDependencyError
from facedge.machine import device_name, usable_cores
from facedge.onnx_session import runtime_version
from facedge.preprocessing import implementation_name
from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH, LANDMARKS
from facedge.runtime.embedder import VERIFIER, Embedder, open_head, open_verifier
from facedge.runtime.golden import draw
from facedge.types import Float32Array

FRAME = (480, 640)  # height and width of the drawn photo, as from a camera
COLD_STARTS = 5
WARM_UPS = 3
FEWEST_RUNS = 5
COLD_SCRIPT = """
import sys, time
from pathlib import Path
start = time.perf_counter()
import numpy, facedge
crop = numpy.arange(218 * 178 * 3, dtype=numpy.uint32).astype(numpy.uint8).reshape(1, 218, 178, 3)
facedge.load(Path(sys.argv[1])).embed(crop)
from facedge.machine import peak_memory_mb
print(1000 * (time.perf_counter() - start), peak_memory_mb())
"""

Job = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one job: median, and the 10 % and 90 % quantiles of `runs` runs."""

    median: float
    low: float
    high: float
    runs: int


@dataclass(frozen=True)
class Benchmark:
    """Everything `facedge bench` measures; times in milliseconds, memory in MB.

    Attributes:
        stages: by name, one thread, for one photo of 640x480 (or the one given)
        backbone: by precision, then by number of threads
        cold_ms: from the first import of a fresh Python process to its first embedding
    """

    device: str
    facedge: str
    onnxruntime: str
    kernel: str
    bundle: str
    sha256: str
    stages: Mapping[str, Timing]
    backbone: Mapping[str, Mapping[int, Timing]]
    cold_ms: float
    memory_mb: float
    without: str

    def to_record(self) -> dict[str, Any]:
        """Plain JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def line(self) -> str:
        """One row of a table of devices, with the columns of LINE_HEAD."""
        fast = {kind: f"{min(t.median for t in by.values()):.2f} ms" for kind, by in self.backbone.items()}
        photo = sum(t.median for name, t in self.stages.items() if name in PHOTO_STAGES)
        photo_ms = f"{photo:.1f} ms" if "detect" in self.stages else "-"
        cells = [self.device, fast.get("fp32", "-"), fast.get("int8", "-"), photo_ms]
        return f"| {' | '.join([*cells, f'{self.cold_ms / 1000:.2f} s', f'{self.memory_mb:.0f} MB', self.facedge])} |"


LINE_HEAD = "| device | backbone fp32 | backbone int8 | photo to answer | cold start | memory | facedge |"
PHOTO_STAGES = ("decode", "detect", "align", "preprocess", "backbone", "head")


def bench(
    bundle: Bundle, *, photo: Path | bytes | None = None, seconds: float = 1.0, threads: Iterable[int] = ()
) -> Benchmark:
    """Measure a bundle on this device.

    Args:
        photo: an image file or its bytes, for the stages decode, detect and align; None: a drawn frame of 640x480, and
            nothing to decode
        seconds: about how long to measure each group of jobs for
        threads: numbers of threads to try; 1 up to all cores by default
    """
    import facedge

    stages, without = _photo_stages(photo, seconds)
    cold_ms, memory_mb = cold_start(bundle.path)
    return Benchmark(
        device=device_name(),
        facedge=facedge.__version__,
        onnxruntime=runtime_version().split(",")[0],
        kernel=implementation_name(),
        bundle=bundle.manifest.name,
        sha256=bundle.sha256,
        stages=stages | _crop_stages(bundle, seconds),
        backbone=_backbones(bundle, seconds, list(threads) or _powers(usable_cores())),
        cold_ms=cold_ms,
        memory_mb=memory_mb,
        without=without,
    )


def interleaved(jobs: Mapping[str, Job], seconds: float) -> dict[str, Timing]:
    """Run the jobs in turn for about `seconds` seconds in all (at least 5 rounds), after a warm-up."""
    for job in jobs.values():
        for _ in range(WARM_UPS):
            job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    end = perf_counter() + seconds
    rounds = 0
    while rounds < FEWEST_RUNS or perf_counter() < end:
        for name, job in jobs.items():
            start = perf_counter()
            job()
            times[name].append(1000 * (perf_counter() - start))
        rounds += 1
    return {name: _timing(values) for name, values in times.items()}


def cold_start(bundle: Path) -> tuple[float, float]:
    """(milliseconds to the first embedding, peak memory in MB) of fresh processes: medians of five."""
    found = []
    for _ in range(COLD_STARTS):
        command = [sys.executable, "-c", COLD_SCRIPT, str(bundle)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FacedgeError(f"a fresh process could not load {bundle}: {done.stderr.strip().splitlines()[-1]}")
        found.append([float(value) for value in done.stdout.split()])
    return statistics.median(ms for ms, _ in found), statistics.median(mb for _, mb in found)


def _photo_stages(photo: Path | bytes | None, seconds: float) -> tuple[dict[str, Timing], str]:
    """decode, detect and align; and why detect could not be measured, "" where it was."""
    from facedge.faces.align import align
    from facedge.faces.detect import detect
    from facedge.imaging import load_rgb

    jobs: dict[str, Job] = {}
    image, landmarks = draw(*FRAME), _landmarks_in(*FRAME)
    if photo is not None:
        image = load_rgb(photo)
        jobs["decode"] = lambda: load_rgb(photo)
    without = ""
    try:
        faces = detect(image)
        jobs["detect"] = lambda: detect(image)
        landmarks = faces[0].landmarks if faces else _landmarks_in(*image.shape[:2])
    except MissingDependencyError as problem:
        without = str(problem)
    jobs["align"] = lambda: align(image, landmarks)
    return interleaved(jobs, seconds), without


def _crop_stages(bundle: Bundle, seconds: float) -> dict[str, Timing]:
    """preprocess, backbone and head for one aligned crop, and verifier.onnx, which contains all three."""
    crop = draw(FRAME_HEIGHT, FRAME_WIDTH)[None]
    embedder, head = Embedder(bundle), open_head(bundle)
    tensor = embedder.prepare(crop)
    embedding, _ = embedder.infer(tensor)
    jobs: dict[str, Job] = {
        "preprocess": lambda: embedder.prepare(crop),
        "backbone": lambda: embedder.infer(tensor),
        "head": lambda: head.run(["probability"], {"embedding": embedding}),
    }
    if VERIFIER in bundle.files:
        verifier = open_verifier(bundle)
        jobs[VERIFIER] = lambda: verifier.run(None, {"image": crop})
    return interleaved(jobs, seconds)


def _backbones(bundle: Bundle, seconds: float, threads: list[int]) -> dict[str, dict[int, Timing]]:
    """The backbone on one face: every precision of the bundle on every number of threads, all interleaved."""
    jobs: dict[str, Job] = {}
    for precision in (kind for kind, name in BACKBONES.items() if name in bundle.files):
        for count in threads:
            embedder = Embedder(bundle, threads=count, precision=precision)
            jobs[f"{precision} {count}"] = _inference(embedder, embedder.prepare(draw(FRAME_HEIGHT, FRAME_WIDTH)[None]))
    found: dict[str, dict[int, Timing]] = {}
    for name, timing in interleaved(jobs, seconds * len(threads)).items():
        precision, count_text = name.split()
        found.setdefault(precision, {})[int(count_text)] = timing
    return found


def _inference(embedder: Embedder, tensor: Float32Array) -> Job:
    return lambda: embedder.infer(tensor)


def _landmarks_in(height: int, width: int) -> Float32Array:
    """The landmarks float32 (5, 2) of a face that fills half the height of a photo."""
    scale = height / 2 / FRAME_HEIGHT
    shift = (width / 2 - FRAME_WIDTH / 2 * scale, height / 4)
    return (np.array(LANDMARKS) * scale + shift).astype(np.float32)


def _powers(cores: int) -> list[int]:
    """1, 2, 4, ... and the number of cores itself."""
    return sorted({1, cores, *(2**k for k in range(8) if 2**k < cores)})


def _timing(values: list[float]) -> Timing:
    low, median, high = np.quantile(values, [0.1, 0.5, 0.9])
    return Timing(float(median), float(low), float(high), len(values))

"""How fast is preprocessing, and how exact? facedge and its peers, interleaved in one process.

    python benchmarks/preprocess.py [--case NAME ...] [--rounds N] [--images N] [--json FILE] [--plot FILE]

Every round runs every peer once, in another order each time, as whoever ran before leaves its bytes in the caches; what
counts is the median of the per-round ratios, as machines drift. Times are CPU time of the calling thread (all peers get
one thread), so that a busy machine does not favour anyone. Errors are grey levels from float64 on photograph-like
pictures. The limits: memcpy of the source, and reading it once.
"""

import argparse
import json
import platform
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from preprocess_peers import PEERS, Job, Run, facedge_with

from facedge.preprocessing import implementation_name
from facedge.preprocessing.kernel import in_slices

CASES: dict[str, tuple[tuple[int, int], tuple[int, int, int, int], int]] = {
    "218x178 -> 64": ((218, 178), (0, 0, 178, 218), 64),
    "218x178 -> 112": ((218, 178), (0, 0, 178, 218), 112),
    "128x128 of 218x178 -> 64": ((218, 178), (24, 60, 152, 188), 64),
    "420x420 of 720x1280 -> 64": ((720, 1280), (400, 100, 820, 520), 64),
}
BASE = "OpenCV grey + INTER_AREA"
LUMA = np.array([0.299, 0.587, 0.114])
SLOWEST = 0.1  # seconds a round that a peer may take: a slow one gets fewer images


def pictures(count: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Colour noise whose amplitude falls with frequency as a photograph's does; eight of them, repeated."""
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(np.fft.fftfreq(height) * height, np.fft.rfftfreq(width) * width, indexing="ij")
    drawn = []
    for _ in range(min(count, 8)):
        spectrum = np.fft.rfft2(rng.normal(size=(3, height, width))) / np.maximum(1, np.hypot(y, x))
        waves = np.moveaxis(np.fft.irfft2(spectrum, s=(height, width)), 0, 2)
        levels = np.clip(128 + 60 * (waves - waves.mean()) / waves.std(), 0, 255)
        drawn.append(levels.astype(np.uint8, order="C"))  # as decoders give it: the channels of a pixel side by side
    return np.stack([drawn[k % len(drawn)] for k in range(count)])


def exact(job: Job) -> npt.NDArray[np.float64]:
    """float64 grey levels (N, S, S) of the first images: the area average, or linear where the box is smaller."""

    def weights(pixels: int) -> npt.NDArray[np.float64]:
        step, o, edges = pixels / job.size, np.arange(job.size)[:, None], np.arange(pixels + 1)
        if step >= 1:
            return np.diff(np.clip(edges - step * o, 0, step), axis=1) / step
        return np.diff(np.clip(edges - np.clip(step * (o + 0.5) - 0.5, 0, pixels - 1), 0, 1), axis=1)

    grey = job.crops[:8].astype(np.float64) @ LUMA
    return np.asarray(weights(grey.shape[1]) @ grey @ weights(grey.shape[2]).T)


def errors(output: Any, truth: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Root mean square and largest error in grey levels of the first images of an output."""
    levels = np.stack([np.asarray(image, dtype=np.float64) for image in output[: len(truth)]])
    if levels.min() < 0 or levels.max() <= 1.0:
        levels = levels * 127.5 + 127.5
    difference = levels - truth[: len(levels)]
    return float(np.sqrt((difference**2).mean())), float(abs(difference).max())


def limits(job: Job) -> dict[str, Run]:
    """What memory allows: a copy of the source's bytes, and one pass of reading them."""
    target = np.empty_like(job.images)
    return {"memcpy of the source": lambda: np.copyto(target, job.images), "reading the source": words_of(job).max}


def words_of(job: Job) -> npt.NDArray[np.uint64]:
    """The source's bytes by eights, as reading them is fastest."""
    return job.images.reshape(-1)[: job.images.size // 8 * 8].view(np.uint64)


def runners(job: Job) -> tuple[dict[str, Run], dict[str, int], list[str]]:
    """Name -> what to time, name -> images it takes a round, and the peers not installed."""
    runs: dict[str, Run] = {}
    shares: dict[str, int] = {}
    absent = []
    for name, peer in PEERS.items():
        try:
            once = peer(Job(job.images[:8], job.box, job.size))
            once()
            start = time.thread_time()
            once()
            each = (time.thread_time() - start) / min(8, len(job.images))
            shares[name] = int(min(len(job.images), max(8, SLOWEST / max(each, 1e-9))))
            runs[name] = peer(Job(job.images[: shares[name]], job.box, job.size))
        except ImportError as problem:
            absent.append(f"{name} ({problem})")
    for name, run in limits(job).items():
        runs[name], shares[name] = run, len(job.images)
    return runs, shares, absent


def job_of(case: str, images: int) -> Job:
    (height, width), box, size = CASES[case]
    return Job(pictures(images, height, width), box, size)


def measure(job: Job, rounds: int) -> dict[str, Any]:
    """Microseconds an image, ratio to the base, error: of everyone, for one case."""
    runs, shares, absent = runners(job)
    times: dict[str, list[float]] = {name: [] for name in runs}
    order, shuffled = list(runs), random.Random(0)
    for k in range(rounds + 1):
        shuffled.shuffle(order)
        for name in order:
            start = time.thread_time()
            runs[name]()
            if k:  # the first round warms up
                times[name].append((time.thread_time() - start) / shares[name])
    truth = exact(job)
    results: dict[str, Any] = {}
    for name, spent in times.items():
        speedup = statistics.median(base / mine for base, mine in zip(times[BASE], spent, strict=True))
        results[name] = {"us": 1e6 * statistics.median(spent), "speedup": speedup}
        if name in PEERS:
            results[name]["error_rms"], results[name]["error_max"] = errors(runs[name](), truth)
    return {"peers": results, "absent": absent}


def two_threads(job: Job, rounds: int) -> dict[str, float]:
    """Wall time of one thread over that of two: facedge's, and of only reading the source, which is what memory allows.

    To be asked before any peer is loaded: their threads and caches take part in what comes after.
    """
    words = words_of(job)

    def reading(threads: int) -> Run:
        return lambda: in_slices(lambda part, _: part.max(), words, words, threads)

    preparing = facedge_with(implementation_name(), 1)(job), facedge_with(implementation_name(), 2)(job)
    return {"facedge": gain(*preparing, rounds), "reading the source": gain(reading(1), reading(2), rounds)}


def gain(one: Run, two: Run, rounds: int) -> float:
    """Median of interleaved rounds; a round calls each eight times, as a processor that slept is slow to wake."""
    ratios = []
    for _ in range(rounds):
        marks = [time.perf_counter()]
        for run in (one, two):
            for _ in range(8):
                run()
            marks.append(time.perf_counter())
        ratios.append((marks[1] - marks[0]) / (marks[2] - marks[1]))
    return statistics.median(ratios)


def print_table(case: str, result: dict[str, Any]) -> None:
    print(f"\n{case}: one thread, one call a batch where the library has one")
    print(f"{'':28} {'us/image':>9} {'x OpenCV':>9} {'rms':>7} {'max error':>10}")
    for name, r in sorted(result["peers"].items(), key=lambda item: float(item[1]["us"])):
        error = f"{r['error_rms']:7.2f} {r['error_max']:10.2f}" if "error_rms" in r else ""
        print(f"{name:28} {r['us']:9.1f} {r['speedup']:9.2f} {error}")
    print("two threads over one, wall time: " + ", ".join(f"{n} {r:.2f}" for n, r in result["two_threads"].items()))
    if result["absent"]:
        print("absent: " + "; ".join(result["absent"]))


def draw(results: dict[str, Any], path: Path) -> None:
    """Time and largest error of everyone, a panel a case; facedge in colour, the limits of memory pale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = (len(results) + 1) // 2
    figure, axes = plt.subplots(rows, min(2, len(results)), figsize=(12, 4.6 * rows), squeeze=False)
    for axis, (case, result) in zip(axes.flat, results.items(), strict=False):
        draw_case(axis, case, result["peers"])
    for axis in axes.flat[len(results) :]:
        axis.set_visible(False)
    figure.suptitle("microseconds an image, one thread; beside it the largest error in grey levels", fontsize=11)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def draw_case(axis: Any, case: str, peers: dict[str, Any]) -> None:
    """Bars on a logarithmic scale, the fastest on top."""
    slowest_first = sorted(peers.items(), key=lambda item: -float(item[1]["us"]))
    names, times = [n for n, _ in slowest_first], [float(r["us"]) for _, r in slowest_first]
    colours = ["#d1495b" if n.startswith("facedge") else "#8d99ae" if n in PEERS else "#dddddd" for n in names]
    bars = axis.barh(names, times, color=colours)
    labels = [
        f"{r['us']:,.1f}" + (f"   error {r['error_max']:.2f}" if "error_max" in r else "") for _, r in slowest_first
    ]
    axis.bar_label(bars, labels, padding=4, fontsize=9)
    axis.set_xscale("log")
    axis.set_xlim(times[-1] / 2, times[0] * 30)
    axis.set_title(case.replace("->", "\N{RIGHTWARDS ARROW}"), fontsize=12, loc="left")
    axis.tick_params(axis="y", labelsize=9, length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return {"cpu": model, "python": platform.python_version(), "kernel": implementation_name()}


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="*", choices=CASES, default=list(CASES), help="which of the cases to run")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=256, help="images in one batch")
    parser.add_argument("--json", type=Path, default=here / "results" / "preprocess.json")
    parser.add_argument("--plot", type=Path, default=here / "results" / "preprocess.png")
    options = parser.parse_args()
    jobs = {case: job_of(case, options.images) for case in options.case}
    threads = {case: two_threads(job, options.rounds) for case, job in jobs.items()}
    results = {}
    for case, job in jobs.items():
        results[case] = measure(job, options.rounds) | {"two_threads": threads[case]}
        print_table(case, results[case])
        sys.stdout.flush()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    command = {"rounds": options.rounds, "images": options.images}
    options.json.write_text(json.dumps({"machine": machine(), **command, "cases": results}, indent=1) + "\n")
    draw(results, options.plot)
    print(f"\nwrote {options.json} and {options.plot}")


if __name__ == "__main__":
    main()

"""How fast is the face aligner, and how exact? facedge and its peers, interleaved in one process.

    python benchmarks/align.py [--face PIXELS ...] [--tilt DEGREES] [--rounds N] [--json FILE]

A 1280x720 frame, photograph-like, holds a face of the given width; every job makes the same 178x218 RGB crop of it.
Every round runs every job once; what counts is the median of the per-round ratios, as machines drift. Times are CPU
time of the calling thread (one thread each). Errors are grey levels rms from 16 x 16 samples a pixel in float64.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from preprocess import pictures

from facedge.faces.align import Sampling, align_reference, sample, sampling_for
from facedge.preprocessing import kernel

Bytes = npt.NDArray[np.uint8]
Job = Callable[[], Bytes]
HEIGHT, WIDTH, FACE_IN_CROP = 218, 178, 84
BASE = "OpenCV warpAffine at the frame's scale + cvtColor + resize INTER_LINEAR"
BORDER = cv2.BORDER_REPLICATE


def crop_to_frame(face: float, degrees: float) -> tuple[complex, complex]:
    """m z + t from the crop to the frame, the face in the frame's middle."""
    m = face / FACE_IN_CROP * complex(np.exp(1j * np.deg2rad(degrees)))
    return m, complex(640, 360) - m * complex(88, 126)


def supersampled(frame: Bytes, m: complex, t: complex) -> npt.NDArray[np.float64]:
    """The mean of 16 x 16 linear interpolations of each output pixel, float64."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    source = np.pad(frame, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float64)
    total = np.zeros((HEIGHT, WIDTH, 3))
    for a, b in np.ndindex(16, 16):
        z = m * (u + (b + 0.5) / 16 + 1j * (v + (a + 0.5) / 16)) + t
        x, y = (z.real + 0.5).clip(0.5, 1280.5), (z.imag + 0.5).clip(0.5, 720.5)
        xi, yi = np.floor(x).astype(int), np.floor(y).astype(int)
        fx, fy = (x - xi)[..., None], (y - yi)[..., None]
        upper = source[yi, xi] * (1 - fx) + source[yi, xi + 1] * fx
        lower = source[yi + 1, xi] * (1 - fx) + source[yi + 1, xi + 1] * fx
        total += upper * (1 - fy) + lower * fy
    return total / 256


def warp(frame: Bytes, m: complex, t: complex, scale: float) -> Bytes:
    """OpenCV's linear warp to the crop, `scale` times as large."""
    step = m / scale
    first = step * (0.5 + 0.5j) + t - (0.5 + 0.5j)
    matrix = np.array([[step.real, -step.imag, first.real], [step.imag, step.real, first.imag]])
    size = (round(WIDTH * scale), round(HEIGHT * scale))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(frame, matrix, size, flags=flags, borderMode=BORDER), np.uint8)


def opencv_resized(bgr: Bytes, m: complex, t: complex, interpolation: int) -> Bytes:
    """The frame's own resolution first, then the crop's: how OpenCV avoids (some of) the aliasing."""
    rgb = cv2.cvtColor(warp(bgr, m, t, max(1.0, abs(m))), cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=interpolation), np.uint8)


def pillow(image: Image.Image, m: complex, t: complex) -> Bytes:
    data = (m.real, -m.imag, t.real, m.imag, m.real, t.imag)
    done = image.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    return np.asarray(done)


def kernel_job(frame: Bytes, plan: Sampling, name: str) -> Job:
    out = np.empty((HEIGHT, WIDTH, 3), np.uint8)

    def job() -> Bytes:
        if name == "numpy":
            return align_reference(frame, plan, HEIGHT, WIDTH)
        s, code = plan, kernel.compiled.IMPLEMENTATIONS[name]
        kernel.compiled.align(frame, out, s.samples, s.x0, s.y0, s.dx, s.dy, code)
        return out

    return job


def jobs_for(frame: Bytes, m: complex, t: complex) -> dict[str, Job]:
    """Every way to make the crop; OpenCV's ones start from BGR, as its cameras do."""
    bgr, image = np.ascontiguousarray(frame[:, :, ::-1]), Image.fromarray(frame)
    plan = sampling_for(1 / m, -t / m)
    out = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    jobs: dict[str, Job] = {"facedge": lambda: sample(frame, plan, out)}
    jobs["facedge, BGR frame as a view"] = lambda: sample(bgr[:, :, ::-1], plan, out)
    jobs |= {f"facedge {name}": kernel_job(frame, plan, name) for name in kernel.available()}
    jobs[BASE] = lambda: opencv_resized(bgr, m, t, cv2.INTER_LINEAR)
    jobs["the same, resize INTER_AREA"] = lambda: opencv_resized(bgr, m, t, cv2.INTER_AREA)
    jobs["OpenCV warpAffine straight to the crop + cvtColor (aliases)"] = lambda: np.asarray(
        cv2.cvtColor(warp(bgr, m, t, 1), cv2.COLOR_BGR2RGB), np.uint8
    )
    jobs["Pillow transform BILINEAR (aliases, black outside)"] = lambda: pillow(image, m, t)
    return jobs


def measure(jobs: dict[str, Job], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of CPU time of each job in each round."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.thread_time()
            job()
            times[name].append(1000 * (time.thread_time() - start))
    return times


def case(face: float, degrees: float, rounds: int) -> list[dict[str, object]]:
    frame = pictures(1, 720, 1280)[0]
    m, t = crop_to_frame(face, degrees)
    jobs, reference = jobs_for(frame, m, t), supersampled(frame, m, t)
    times = measure(jobs, rounds)
    rows = []
    for name, job in jobs.items():
        ratios = [base / own for base, own in zip(times[BASE], times[name], strict=True) if own > 0]
        error = float(np.sqrt(((job().astype(np.float64) - reference) ** 2).mean()))
        ms, ratio = statistics.median(times[name]), statistics.median(ratios)
        rows.append({"face": face, "job": name, "ms": ms, "times_as_fast": ratio, "error": error})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--face", type=float, nargs="+", default=[84, 150, 300, 400], help="widths in pixels")
    parser.add_argument("--tilt", type=float, default=7, help="degrees")
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[dict[str, object]] = []
    for face in options.face:
        print(f"\na face of {face:.0f} pixels in 1280x720, tilted by {options.tilt:.0f} degrees")
        print(f"{'':72}{'ms':>8}{'times as fast':>15}{'error':>8}")
        for row in case(face, options.tilt, options.rounds):
            print(f"{row['job']:72}{row['ms']:8.3f}{row['times_as_fast']:15.2f}{row['error']:8.2f}")
            rows.append(row)
    if options.json:
        versions = {"machine": platform.machine(), "opencv": cv2.__version__, "numpy": np.__version__}
        options.json.write_text(json.dumps({"versions": versions, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()

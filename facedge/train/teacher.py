"""A teacher: any face recogniser in ONNX, whose embeddings of the prepared images the backbone learns to agree with."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from facedge.dataset.faces import Faces
from facedge.errors import MissingDependencyError, RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, LANDMARKS
from facedge.train.run import replacing

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Where ArcFace-style recognisers want the five landmarks in their 112x112 input (Deng et al. 2019).
ARCFACE_LANDMARKS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))


@dataclass(frozen=True)
class TeacherInput:
    """What a teacher's network wants: side, channel order, and (pixel - mean) / scale."""

    size: int = 112
    order: str = "rgb"
    mean: float = 127.5
    scale: float = 127.5


CONVENTIONS = {
    "arcface": TeacherInput(),
    "sface": TeacherInput(order="bgr", mean=0.0, scale=1.0),  # takes bytes as they are
}


def read_convention(teacher: Path, name: str | None) -> TeacherInput:
    """By name (`arcface`, `sface`), else from `TEACHER.json` beside the file, else ArcFace's."""
    if name is not None:
        if name not in CONVENTIONS:
            raise RunError(f"expected --teacher-input {' or '.join(CONVENTIONS)}, got {name!r}")
        return CONVENTIONS[name]
    beside = teacher.with_suffix(".json")
    if not beside.exists():
        return CONVENTIONS["arcface"]
    try:
        convention = TeacherInput(**json.loads(beside.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as problem:
        raise RunError(f"{beside} should hold size, order, mean and scale as JSON ({problem})") from None
    if convention.order not in ("rgb", "bgr"):
        raise RunError(f'{beside}: expected order "rgb" or "bgr", got {convention.order!r}')
    return convention


def fingerprint(teacher: Path) -> str:
    """Name and sha256 of the teacher's file, as the run's config remembers it."""
    try:
        digest = hashlib.sha256(teacher.read_bytes()).hexdigest()
    except OSError as problem:
        raise RunError(f"the teacher {teacher} cannot be read ({problem.strerror}): pass an ONNX file") from None
    return f"{teacher.name} sha256:{digest}"


class Teacher:
    """A recogniser at work: what it sees of a face in CelebA geometry, and its embedding of that."""

    def __init__(self, path: Path, convention: TeacherInput) -> None:
        self.convention = convention
        self.identity = f"{fingerprint(path)} {convention}"
        self._run = _session(path)
        self._grid = torch.from_numpy(_grid(convention.size))[None]

    def see(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (H, W, 3) in CelebA geometry at any scale -> the teacher's own input, float32 (3, S, S)."""
        x = torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None]
        crop = F.grid_sample(x, self._grid, padding_mode="border", align_corners=False)[0].numpy()
        crop = crop if self.convention.order == "rgb" else crop[::-1]
        return np.ascontiguousarray((crop - self.convention.mean) / self.convention.scale, dtype=np.float32)

    def embed(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(3, S, S) -> (T,), L2-normalised. Threads may share it."""
        embedding = self._run(x[None])[0]
        return np.asarray(embedding / np.linalg.norm(embedding), dtype=np.float32)


def teacher_embeddings(
    teacher: Teacher,
    faces: Faces,
    rows: NDArray[np.int64],
    *,
    threads: int = 1,
    progress: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, _count: items,
) -> NDArray[np.float32]:
    """Embeddings (len(rows), T), L2-normalised: the mean of each image's and its mirror image's.

    Read from the source images in colour. Computed once for a teacher and a prepared folder, then cached in it.
    """
    cache = faces.path / f"teacher-{cache_key(teacher.identity, faces, rows)}.npy"
    if cache.exists():
        return np.asarray(np.load(cache, allow_pickle=False), dtype=np.float32)

    def both(row: int) -> NDArray[np.float32]:
        seen = teacher.see(faces.load_source(row))
        return teacher.embed(seen) + teacher.embed(np.ascontiguousarray(seen[..., ::-1]))

    with ThreadPoolExecutor(threads) as pool:
        mean = np.stack(list(progress(pool.map(both, rows), len(rows))))
    result = np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)
    with replacing(cache) as temporary, temporary.open("wb") as handle:
        np.save(handle, result)
    return result


def cache_key(about: str, faces: Faces, rows: NDArray[np.int64]) -> str:
    """Names what was computed for these rows of these faces; `about` says what and by whom."""
    parts = f"{about} {len(faces.names)}".encode()
    return hashlib.sha256(parts + "".join(faces.names[rows]).encode()).hexdigest()[:16]


def _session(teacher: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependencyError("a teacher runs under onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # images are shared among threads instead
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(teacher), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime raises many kinds for one cause: no usable model
        raise RunError(f"the teacher {teacher} does not load under onnxruntime: {problem}") from problem
    name = session.get_inputs()[0].name
    return lambda x: np.asarray(session.run(None, {name: x})[0], dtype=np.float32)


def _grid(size: int) -> NDArray[np.float32]:
    """Where each output pixel looks in a frame of any scale: (size, size, 2) in [-1, 1], x then y.

    The similarity that takes CelebA's landmarks to ArcFace's, by least squares, inverted.
    """
    source = np.asarray(LANDMARKS, dtype=np.float64)
    target = np.asarray(ARCFACE_LANDMARKS) * size / 112
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        values += [u, v]
    a, b, dx, dy = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    u, v = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    x, y = a * u - b * v + dx, b * u + a * v + dy
    return np.stack([2 * x / FRAME_WIDTH - 1, 2 * y / FRAME_HEIGHT - 1], axis=-1).astype(np.float32)

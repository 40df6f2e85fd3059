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


def teacher_embeddings(
    teacher: Path,
    faces: Faces,
    rows: NDArray[np.int64],
    convention: TeacherInput,
    *,
    threads: int = 1,
    progress: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, _count: items,
) -> NDArray[np.float32]:
    """Embeddings (len(rows), T), L2-normalised: the mean of each image's and its mirror image's.

    Read from the source images in colour. Computed once for a teacher and a prepared folder, then cached in it.
    """
    cache = faces.path / f"teacher-{_key(teacher, convention, faces, rows)}.npy"
    if cache.exists():
        return np.asarray(np.load(cache, allow_pickle=False), dtype=np.float32)
    embed = _session(teacher, threads)
    chunks = []
    for image in progress(_aligned(faces, rows, convention), len(rows)):
        both = np.stack([image, image[..., ::-1]])  # (2, 3, S, S)
        chunks.append(np.stack([embed(view[None]) for view in both]))
    embeddings = np.stack(chunks)[:, :, 0]  # (N, 2, T)
    embeddings /= np.linalg.norm(embeddings, axis=2, keepdims=True)
    mean = embeddings.sum(axis=1)
    result = np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)
    temporary = cache.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as handle:
        np.save(handle, result)
    temporary.replace(cache)
    return result


def _key(teacher: Path, convention: TeacherInput, faces: Faces, rows: NDArray[np.int64]) -> str:
    parts = f"{fingerprint(teacher)} {convention} {len(faces.names)}".encode()
    return hashlib.sha256(parts + "".join(faces.names[rows]).encode()).hexdigest()[:16]


def _session(teacher: Path, threads: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependencyError("a teacher runs under onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(teacher), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime raises many kinds for one cause: no usable model
        raise RunError(f"the teacher {teacher} does not load under onnxruntime: {problem}") from problem
    name = session.get_inputs()[0].name
    return lambda x: np.asarray(session.run(None, {name: x})[0], dtype=np.float32)


def _aligned(faces: Faces, rows: NDArray[np.int64], convention: TeacherInput) -> Iterator[NDArray[np.float32]]:
    """Source images in colour as the teacher wants them: float32 (3, S, S) each."""
    grid = torch.from_numpy(_grid(convention.size))[None]
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(rows), 256):
            for rgb in pool.map(faces.load_source, rows[start : start + 256]):
                x = torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None]
                crop = F.grid_sample(x, grid, padding_mode="border", align_corners=False)[0].numpy()
                crop = crop if convention.order == "rgb" else crop[::-1]
                yield np.ascontiguousarray((crop - convention.mean) / convention.scale, dtype=np.float32)


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

"""Teacher embeddings for knowledge distillation: any face recogniser in ONNX, run over the prepared images."""

import hashlib
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from facedge import files
from facedge.dataset.prepared import Faces
from facedge.errors import RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, LANDMARKS
from facedge.types import Float32Array, Int64Array, Track, UInt8Array, untracked

MOST_SIDE = 1024  # pixels of a teacher's input
BATCH = 32  # images in one run of a teacher that takes any number

# The five landmarks in the 112x112 input of ArcFace-style recognisers (Deng et al. 2019).
ARCFACE_LANDMARKS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))


@dataclass(frozen=True)
class TeacherInput:
    """The input convention of a teacher: side, channel order, and (pixel - mean) / scale."""

    size: int = 112
    order: str = "rgb"
    mean: float = 127.5
    scale: float = 127.5

    @classmethod
    def of(cls, content: dict[str, Any]) -> "TeacherInput":
        """From the values of a JSON object, those left out being ArcFace's; ValueError or TypeError for others."""
        found = cls(**content)
        if isinstance(found.size, bool) or not isinstance(found.size, int) or not 16 <= found.size <= MOST_SIDE:
            raise ValueError(f"size is a number of pixels from 16 to {MOST_SIDE}")
        if found.order not in ("rgb", "bgr"):
            raise ValueError('order is "rgb" or "bgr"')
        if not math.isfinite(found.mean) or not math.isfinite(found.scale) or found.scale == 0:
            raise ValueError("mean is a number, scale one that is not 0")
        return found


CONVENTIONS = {
    "arcface": TeacherInput(),
    "sface": TeacherInput(order="bgr", mean=0.0, scale=1.0),  # bytes without normalisation
}


def read_convention(teacher: Path, name: str | None) -> TeacherInput:
    """By name (`arcface`, `sface`), else from `TEACHER.json` beside the file, else ArcFace's; or RunError."""
    if name is not None:
        if name not in CONVENTIONS:
            raise RunError(f"expected --teacher-input {' or '.join(CONVENTIONS)}, got {name!r}")
        return CONVENTIONS[name]
    beside = teacher.with_suffix(".json")
    if not beside.exists():
        return CONVENTIONS["arcface"]
    try:
        return TeacherInput.of(json.loads(beside.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as problem:
        raise RunError(f"{beside} should hold size, order, mean and scale as a JSON object ({problem})") from None


def fingerprint(teacher: Path) -> str:
    """Name and sha256 of the teacher's file, as config.json records it."""
    return _fingerprint(teacher, _read(teacher))


def open_teachers(paths: Sequence[Path], conventions: Sequence[str]) -> list["Teacher"]:
    """The teachers of a request, with the conventions that `conventions_of` gives them."""
    pairs = zip(paths, conventions_of(paths, conventions), strict=True)
    return [Teacher(path, convention) for path, convention in pairs]


def conventions_of(paths: Sequence[Path], conventions: Sequence[str]) -> list[TeacherInput]:
    """Of each teacher; RunError where the number of conventions is neither 0, 1 nor that of the teachers."""
    if len(conventions) not in (0, 1, len(paths)):
        raise RunError(
            f"expected --teacher-input once, or once for each of {len(paths)} teachers, got {len(conventions)} of them"
        )
    names = conventions if len(conventions) == len(paths) else [*conventions, None][:1] * len(paths)
    return [read_convention(path, name) for path, name in zip(paths, names, strict=True)]


class Teacher:
    """A recogniser with its input convention: colour faces in CelebA geometry -> embeddings."""

    def __init__(self, path: Path, convention: TeacherInput) -> None:
        # Late: training without a teacher needs no onnxruntime.
        from facedge.onnx_session import open_session, why_no_batch, with_cuda

        model = _read(path)
        self.convention = convention
        self.identity = f"{_fingerprint(path, model)} {convention}"
        # One thread a run: images are shared among threads instead.
        name = f"the teacher {path}"
        self._session = open_session(name, path, threads=1, providers=with_cuda(), error=RunError)
        self._port = self._session.get_inputs()[0].name
        blank = np.zeros((1, 3, convention.size, convention.size), np.float32)
        self.batch = BATCH if why_no_batch(self._session, self._port, blank) is None else 1
        self._grid = torch.from_numpy(sampling_grid(convention.size))[None]

    def prepare(self, rgb: UInt8Array) -> Float32Array:
        """uint8 (H, W, 3) in CelebA geometry at any scale -> the teacher's input, float32 (3, S, S)."""
        x = torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None]
        crop = F.grid_sample(x, self._grid, padding_mode="border", align_corners=False)[0].numpy()
        crop = crop if self.convention.order == "rgb" else crop[::-1]
        return np.ascontiguousarray((crop - self.convention.mean) / self.convention.scale, dtype=np.float32)

    def embed(self, x: Float32Array) -> Float32Array:
        """(N, 3, S, S) -> (N, T), L2-normalised, in runs of at most `batch`. Threads may share it."""
        runs = [self.infer(x[start : start + self.batch]) for start in range(0, len(x), self.batch)]
        return normalised(np.concatenate(runs))

    def infer(self, x: Float32Array) -> Float32Array:
        """(N, 3, S, S) -> the network's first output, (N, T)."""
        return np.asarray(self._session.run(None, {self._port: x})[0], dtype=np.float32)


def normalised(embeddings: Float32Array) -> Float32Array:
    """(N, T) with rows of length 1; RunError where a row has no direction, which no student could be taught."""
    if not np.isfinite(embeddings).all() or not embeddings.any(axis=1).all():
        raise RunError(
            "the teacher's embedding of an image is 0 or no number: is --teacher-input the right one for it?"
        )
    return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), dtype=np.float32)


def teacher_embeddings(
    teacher: Teacher, faces: Faces, rows: Int64Array, *, threads: int = 1, track: Track = untracked
) -> Float32Array:
    """Embeddings (len(rows), T), L2-normalised: the mean of each colour image's and its mirror image's.

    Cached in the prepared folder as teacher-KEY.npy, one file for a teacher and a choice of rows.
    """
    cache = faces.path / f"teacher-{cache_key(teacher.identity, faces, rows)}.npy"
    if cache.exists():
        return np.asarray(np.load(cache, allow_pickle=False), dtype=np.float32)

    def embed_both(chosen: Int64Array) -> Float32Array:
        x = np.stack([teacher.prepare(faces.load_source(int(row))) for row in chosen])
        return teacher.embed(x) + teacher.embed(np.ascontiguousarray(x[..., ::-1]))

    chunks = [rows[start : start + teacher.batch] for start in range(0, len(rows), teacher.batch)]
    with ThreadPoolExecutor(threads) as pool:
        mean = np.concatenate(list(track(pool.map(embed_both, chunks), "teacher", len(chunks))))
    result = normalised(mean)
    with files.replacing(cache, error=RunError) as temporary, temporary.open("wb") as handle:
        np.save(handle, result)
    return result


def cache_key(content: str, faces: Faces, rows: Int64Array) -> str:
    """16 hex digits that name a cache of these rows of these faces; `content` describes what was computed."""
    parts = f"{content} {len(faces.names)}".encode()
    return hashlib.sha256(parts + "".join(faces.names[rows]).encode()).hexdigest()[:16]


def sampling_grid(size: int) -> Float32Array:
    """Sampling position of each output pixel in a frame of any scale: (size, size, 2) in [-1, 1], x then y.

    The inverse of the similarity from CelebA's landmarks to ArcFace's, by least squares.
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


def _read(teacher: Path) -> bytes:
    try:
        return teacher.read_bytes()
    except OSError as problem:
        raise RunError(f"the teacher {teacher} cannot be read ({problem.strerror}): pass an ONNX file") from None


def _fingerprint(teacher: Path, model: bytes) -> str:
    return f"{teacher.name} sha256:{hashlib.sha256(model).hexdigest()}"

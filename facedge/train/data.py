"""Training data: a partition of the prepared faces on the training device, and the teacher's views of it.

A view is a new face made from one or two training images and embedded by the teacher itself, because the teacher's
embedding of the original does not fit an image that was blended or warped. Distillation over many epochs on inputs
beyond the data lets a small network approximate a large one from few images (Beyer et al. 2022, "Knowledge
distillation: a good teacher is patient and consistent"). A blend of two aligned faces is a plausible third identity
(mixup, Zhang et al. 2018), and a change of aspect ratio alters the proportions that distinguish identities.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facedge import files
from facedge.dataset.prepared import Faces
from facedge.errors import RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, resize_grey
from facedge.train.config import BackboneRequest
from facedge.train.teacher import Teacher, cache_key, read_convention, teacher_embeddings
from facedge.types import Float32Array, Int32Array, Int64Array, Track, UInt8Array, untracked

MARGIN = 8  # pixels of a patch beyond the crop on each side, for rotation and shift
CHUNK = 1024  # images resampled at a time
BLENDED = 0.6  # share of the views that blend two images


@dataclass(frozen=True)
class Samples:
    """Tensors on one device, all of the same length N."""

    patches: Tensor  # (N, S + 2 MARGIN, S + 2 MARGIN) uint8; their centre is the input at inference
    attributes: Tensor  # (N, A), 0 or 1; of a view that blends two images the weighted mean of theirs
    classes: Tensor  # (N,) int64: identity counted from 0, -1 where it is left out of the identity loss
    teacher: Tensor | None  # (N, T) float32, L2-normalised

    def __len__(self) -> int:
        return len(self.patches)

    @property
    def class_count(self) -> int:
        """The number of identities in the identity loss."""
        return int(self.classes.max().item()) + 1 if len(self) else 0


def load_samples(
    faces: Faces,
    partition: str,
    spec: PreprocessSpec,
    device: torch.device,
    *,
    identity_images: int = 2,
    teacher: Float32Array | None = None,
) -> Samples:
    """Read one partition into device memory; RunError if it is empty.

    identity_images: identities with fewer images get class -1. teacher: embeddings, one row for each image.
    """
    rows = faces.indices(partition)
    if len(rows) == 0:
        raise RunError(f"{faces.path} has no {partition} images: prepare a dataset with all three partitions")
    classes = classes_of(faces.identities[rows], identity_images)
    return Samples(
        patches=torch.from_numpy(crop_patches(faces.images, rows, spec)).to(device),
        attributes=torch.from_numpy(np.ascontiguousarray(faces.attributes[rows])).to(device),
        classes=torch.from_numpy(classes).to(device),
        teacher=None if teacher is None else torch.from_numpy(teacher).to(device),
    )


def classes_of(identities: Int32Array, least: int) -> Int64Array:
    """Identities numbered from 0 in their order; -1 for unknown ones and those with fewer than `least` images."""
    values, inverse, counts = np.unique(identities, return_inverse=True, return_counts=True)
    included = (counts >= least) & (values >= 0)
    number = np.where(included, np.cumsum(included) - 1, -1)
    return number[inverse].astype(np.int64)


def crop_patches(images: UInt8Array, rows: Int64Array, spec: PreprocessSpec) -> UInt8Array:
    """The crop and a margin around it, at the scale of the network's input: (N, S + 2 MARGIN, S + 2 MARGIN) uint8.

    The kernel of `preprocess` resamples, so training and inference have the same pixels. Beyond the frame its border
    is repeated.
    """
    side = spec.size + 2 * MARGIN
    x0, y0, x1, y1 = (edge / 256 for edge in spec.crop)
    margin_x, margin_y = (x1 - x0) * MARGIN / spec.size, (y1 - y0) * MARGIN / spec.size
    beyond = max(margin_x - x0, margin_y - y0, x1 + margin_x - FRAME_WIDTH, y1 + margin_y - FRAME_HEIGHT, 0)
    pad = math.ceil(beyond)
    box = (x0 - margin_x + pad, y0 - margin_y + pad, x1 + margin_x + pad, y1 + margin_y + pad)
    out = np.empty((len(rows), side, side), np.uint8)
    for start in range(0, len(rows), CHUNK):
        chunk = images[rows[start : start + CHUNK]]
        if pad:
            chunk = np.pad(chunk, ((0, 0), (pad, pad), (pad, pad)), mode="edge")
        out[start : start + len(chunk)] = resize_grey(chunk, (side, side), box=box)
    return out


def batches(count: int, batch: int, generator: torch.Generator, rank: int = 0, world: int = 1) -> Iterator[Tensor]:
    """Row numbers of one epoch's batches, shuffled; each of `world` processes gets its share of every batch.

    The last, incomplete batch is dropped (drop_last), because batch norm needs a full one. Fewer rows than one batch
    are one batch.
    """
    order = torch.randperm(count, generator=generator, device=generator.device)
    full = max(1, count // batch)
    for number in range(full):
        rows = order[number * batch : (number + 1) * batch]
        yield rows[rank::world]


@dataclass(frozen=True)
class Views:
    """One view of every training image, in the order of the rows."""

    patches: UInt8Array  # (N, P, P), as `crop_patches` makes them
    attributes: Float32Array  # (N, A) in [0, 1]; of a blend the weighted mean of both images' attributes
    teacher: Float32Array  # (N, T), L2-normalised


@dataclass(frozen=True)
class ViewParameters:
    """Random parameters of one view of every row."""

    partner: Int64Array  # (N,) position of the second image among the rows
    share: Float32Array  # (N,) weight of the first image in the blend; 1 without a second
    theta: Float32Array  # (N, 2, 3), output to source in [-1, 1], as affine_grid expects it
    gamma: Float32Array  # (N,)
    gain: Float32Array  # (N, 3), factor of each colour channel

    @classmethod
    def draw(cls, count: int, seed: int) -> "ViewParameters":
        """The same for the same seed on every machine."""
        rng = np.random.default_rng(seed)
        share = np.where(rng.random(count) < BLENDED, rng.uniform(0.3, 0.7, count), 1.0)
        angle = np.radians(rng.uniform(-6, 6, count))
        zoom, aspect = np.exp(rng.uniform(-0.06, 0.06, (2, count)))
        mirror = np.where(rng.random(count) < 0.5, -1.0, 1.0)
        sides = FRAME_WIDTH / FRAME_HEIGHT  # a rotation of pixels, in coordinates that run from -1 to 1 on both axes
        cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
        dx, dy = rng.uniform(-0.05, 0.05, (2, count))
        across = [cos * aspect * mirror, -sin / sides / aspect, dx]
        down = [sin * sides * aspect * mirror, cos / aspect, dy]
        theta = np.stack(across + down, axis=1)
        return cls(
            partner=rng.integers(0, count, count),
            share=share.astype(np.float32),
            theta=theta.reshape(-1, 2, 3).astype(np.float32),
            gamma=np.exp(rng.uniform(-0.25, 0.25, count)).astype(np.float32),
            gain=np.exp(rng.uniform(-0.15, 0.15, (count, 3))).astype(np.float32),
        )


def teach(
    request: BackboneRequest, faces: Faces, spec: PreprocessSpec, track: Track = untracked
) -> tuple[Float32Array | None, list[Views]]:
    """The requested teacher's embeddings of the training images, and its views; (None, []) without a teacher."""
    if request.teacher is None:
        return None, []
    teacher = Teacher(request.teacher, read_convention(request.teacher, request.teacher_input))
    threads, rows = request.threads or torch.get_num_threads(), faces.indices("train")
    embeddings = teacher_embeddings(teacher, faces, rows, threads=threads, track=track)
    numbers = range(1, request.teacher_views + 1)
    return embeddings, [teacher_views(teacher, faces, rows, spec, n, threads=threads, track=track) for n in numbers]


def with_views(samples: Samples, views: Sequence[Views]) -> Samples:
    """The samples followed by the views, which are left out of the identity loss."""
    if not views or samples.teacher is None:
        return samples
    device = samples.patches.device
    unknown = torch.full((len(samples),), -1, dtype=torch.int64, device=device)
    return Samples(
        patches=torch.cat([samples.patches, *(torch.from_numpy(v.patches).to(device) for v in views)]),
        attributes=torch.cat([samples.attributes.float(), *(torch.from_numpy(v.attributes).to(device) for v in views)]),
        classes=torch.cat([samples.classes, *([unknown] * len(views))]),
        teacher=torch.cat([samples.teacher, *(torch.from_numpy(v.teacher).to(device) for v in views)]),
    )


def teacher_views(
    teacher: Teacher,
    faces: Faces,
    rows: Int64Array,
    spec: PreprocessSpec,
    number: int,
    *,
    threads: int = 1,
    track: Track = untracked,
) -> Views:
    """The `number`-th view of every row, cached in the prepared folder as views-NUMBER-KEY.npz."""
    key = cache_key(f"{teacher.identity} {spec.digest}", faces, rows)
    cache = faces.path / f"views-{number}-{key}.npz"
    if cache.exists():
        with np.load(cache, allow_pickle=False) as stored:
            return Views(stored["patches"], stored["attributes"].astype(np.float32), stored["teacher"])
    drawn = ViewParameters.draw(len(rows), 7919 * number + 1)

    def render_and_embed(k: int) -> tuple[UInt8Array, Float32Array]:
        frame = render(faces, rows, drawn, k)
        return resize_grey(frame[None], (FRAME_HEIGHT, FRAME_WIDTH))[0], teacher.embed(teacher.prepare(frame))

    frames: list[UInt8Array] = []
    patches: list[UInt8Array] = []
    embeddings: list[Float32Array] = []
    with ThreadPoolExecutor(threads) as pool:
        for grey, embedding in track(pool.map(render_and_embed, range(len(rows))), "teacher", len(rows)):
            frames.append(grey)
            embeddings.append(embedding)
            if len(frames) == CHUNK or len(embeddings) == len(rows):
                patches.append(crop_patches(np.stack(frames), np.arange(len(frames)), spec))
                frames.clear()
    labels, share = faces.attributes[rows].astype(np.float32), drawn.share[:, None]
    blended = labels * share + labels[drawn.partner] * (1 - share)
    views = Views(np.concatenate(patches), blended, np.stack(embeddings))
    _store(cache, views)
    return views


def render(faces: Faces, rows: Int64Array, drawn: ViewParameters, k: int) -> UInt8Array:
    """The k-th view in CelebA geometry and colour: uint8 (218, 178, 3)."""
    grid = F.affine_grid(torch.from_numpy(drawn.theta[k : k + 1]), [1, 3, FRAME_HEIGHT, FRAME_WIDTH], False)

    def warped(position: int) -> Tensor:
        source = torch.from_numpy(faces.load_source(int(rows[position])).astype(np.float32))
        return F.grid_sample(source.permute(2, 0, 1)[None], grid, padding_mode="border", align_corners=False)[0]

    share = float(drawn.share[k])
    face = warped(k) if share == 1 else warped(k) * share + warped(int(drawn.partner[k])) * (1 - share)
    lit = (face / 255).clamp(0, 1) ** float(drawn.gamma[k]) * torch.from_numpy(drawn.gain[k])[:, None, None]
    return (lit.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _store(cache: Path, views: Views) -> None:
    with files.replacing(cache, error=RunError) as temporary, temporary.open("wb") as handle:
        np.savez(handle, patches=views.patches, attributes=views.attributes.astype(np.float16), teacher=views.teacher)

"""Views of the training images with embeddings of their own: blended, warped and lit otherwise, then embedded.

A view is a new face made from one or two training images and embedded by the teachers themselves, because a teacher's
embedding of the original does not fit an image that was blended or warped. Distillation over many epochs on inputs
beyond the data lets a small network approximate a large one from few images (Beyer et al. 2022, "Knowledge
distillation: a good teacher is patient and consistent"). A blend of two aligned faces is a plausible third identity
(mixup, Zhang et al. 2018), and a change of aspect ratio alters the proportions that distinguish identities.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facedge import files
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE, Faces
from facedge.errors import RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, resize_grey
from facedge.train.data import CHUNK, Samples, crop_patches
from facedge.train.teacher import Teacher, cache_key, teacher_embeddings
from facedge.types import Float32Array, Int64Array, Track, UInt8Array, untracked

BLENDED = 0.6  # share of the views that blend two images


@dataclass(frozen=True)
class Views:
    """One view of every training image, in the order of the rows."""

    patches: UInt8Array  # (N, P, P), as `crop_patches` makes them
    attributes: Float32Array  # (N, A) in [0, 1], or 255; of a blend the weighted mean of both images' attributes
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


@dataclass(frozen=True)
class Taught:
    """What the teachers give to the training images of all folders: embeddings, and views with theirs."""

    embeddings: Float32Array | None  # (N, T), L2-normalised; None without a teacher
    views: tuple[Views, ...] = ()


def teach(
    teachers: Sequence[Teacher],
    sets: Sequence[Faces],
    spec: PreprocessSpec,
    *,
    views: int = 0,
    threads: int = 1,
    track: Track = untracked,
) -> Taught:
    """The teachers' joined embeddings of the training images of `sets`, in their order, and so many views of each."""
    if not teachers:
        return Taught(None)
    rows = [faces.indices("train") for faces in sets]
    pairs = list(zip(sets, rows, strict=True))
    embeddings = [
        join([teacher_embeddings(teacher, faces, chosen, threads=threads, track=track) for teacher in teachers])
        for faces, chosen in pairs
    ]
    made = []
    for number in range(1, views + 1):
        parts = [_joint_views(teachers, faces, chosen, spec, number, threads, track) for faces, chosen in pairs]
        columns = zip(*((part.patches, part.attributes, part.teacher) for part in parts), strict=True)
        made.append(Views(*map(np.concatenate, columns)))
    return Taught(np.concatenate(embeddings), tuple(made))


def join(embeddings: Sequence[Float32Array]) -> Float32Array:
    """Several teachers' embeddings (N, T) of the same images as one: the cosine of two is the mean of their cosines."""
    return np.asarray(np.concatenate(embeddings, axis=1) / math.sqrt(len(embeddings)), dtype=np.float32)


def _joint_views(
    teachers: Sequence[Teacher],
    faces: Faces,
    rows: Int64Array,
    spec: PreprocessSpec,
    number: int,
    threads: int,
    track: Track,
) -> Views:
    each = [teacher_views(t, faces, rows, spec, number, threads=threads, track=track) for t in teachers]
    return Views(each[0].patches, each[0].attributes, join([views.teacher for views in each]))


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
    drawn = ViewParameters.draw(len(rows), seed_of(number))

    def render_and_embed(k: int) -> tuple[UInt8Array, Float32Array]:
        frame = render(faces, rows, drawn, k)
        return resize_grey(frame[None], (FRAME_HEIGHT, FRAME_WIDTH))[0], teacher.embed(teacher.prepare(frame)[None])[0]

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
    # In the cache's precision, so that a run goes on from the cache as the run that made it.
    blended = blend_labels(torch.from_numpy(faces.attributes[rows]), drawn).half().float().numpy()
    views = Views(np.concatenate(patches), blended, np.stack(embeddings))
    _store(cache, views)
    return views


def seed_of(number: int) -> int:
    """The seed of the parameters of the `number`-th view, counted from 1."""
    return 7919 * number + 1


def blend_labels(labels: Tensor, drawn: ViewParameters) -> Tensor:
    """Attributes (N, A) of the views: the weighted mean of both images', unknown where either is."""
    own, share = labels.float(), torch.from_numpy(drawn.share).to(labels.device)[:, None]
    other = own[torch.from_numpy(drawn.partner).to(labels.device)]
    unknown = (own == UNKNOWN_ATTRIBUTE) | ((other == UNKNOWN_ATTRIBUTE) & (share < 1))
    return torch.where(unknown, own.new_tensor(UNKNOWN_ATTRIBUTE), own * share + other * (1 - share))


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

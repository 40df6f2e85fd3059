"""Views: new faces made of the training faces, labelled by the teacher that saw each of them as the student will.

A teacher's embedding of the original says little about an image that was blended or bent, so the teacher looks at every
view itself. Such consistent teaching over many epochs, on inputs that go beyond the data, is what lets a small network
take over a large one's function from few images (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient
and consistent"). Two aligned faces blend into a plausible third person (mixup, Zhang et al. 2018), and a change of
aspect alters the proportions that tell people apart.
"""

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
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, resize_grey
from facedge.train.run import replacing
from facedge.train.samples import patches
from facedge.train.teacher import Teacher, cache_key

BLENDED = 0.6  # share of the views that are made of two people
CHUNK = 1024


@dataclass(frozen=True)
class Views:
    """One view of every training image, in the order of the rows."""

    patches: NDArray[np.uint8]  # (N, P, P), as `samples.patches` makes them
    attributes: NDArray[np.float32]  # (N, A) in [0, 1]: a blend has a share of both people's
    teacher: NDArray[np.float32]  # (N, T), L2-normalised


@dataclass(frozen=True)
class Recipes:
    """What is drawn for one view of every row; angles in radians, the rest relative."""

    partner: NDArray[np.int64]  # position of the second face among the rows
    share: NDArray[np.float32]  # of the first face in the blend; 1 where there is no second
    theta: NDArray[np.float32]  # (N, 2, 3), output to source in [-1, 1], as affine_grid wants it
    gamma: NDArray[np.float32]
    gain: NDArray[np.float32]

    @classmethod
    def draw(cls, count: int, seed: int) -> "Recipes":
        """The same for the same seed, everywhere."""
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


def teacher_views(
    teacher: Teacher,
    faces: Faces,
    rows: NDArray[np.int64],
    spec: PreprocessSpec,
    number: int,
    *,
    threads: int = 1,
    progress: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, _count: items,
) -> Views:
    """The `number`-th view of every row. Computed once, then cached in the prepared folder."""
    key = cache_key(f"{teacher.identity} {spec.digest}", faces, rows)
    cache = faces.path / f"views-{number}-{key}.npz"
    if cache.exists():
        with np.load(cache, allow_pickle=False) as stored:
            return Views(stored["patches"], stored["attributes"].astype(np.float32), stored["teacher"])
    recipes = Recipes.draw(len(rows), 7919 * number + 1)
    frames: list[NDArray[np.uint8]] = []
    crops: list[NDArray[np.uint8]] = []
    embeddings: list[NDArray[np.float32]] = []

    def one(k: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        frame = render(faces, rows, recipes, k)
        grey = resize_grey(frame[None], (FRAME_HEIGHT, FRAME_WIDTH))[0]
        return grey, teacher.embed(teacher.see(frame))

    with ThreadPoolExecutor(threads) as pool:
        for grey, embedding in progress(pool.map(one, range(len(rows))), len(rows)):
            frames.append(grey)
            embeddings.append(embedding)
            if len(frames) == CHUNK or len(embeddings) == len(rows):
                crops.append(patches(np.stack(frames), np.arange(len(frames)), spec))
                frames.clear()
    labels = faces.attributes[rows].astype(np.float32)
    share = recipes.share[:, None]
    views = Views(np.concatenate(crops), labels * share + labels[recipes.partner] * (1 - share), np.stack(embeddings))
    _store(cache, views)
    return views


def render(faces: Faces, rows: NDArray[np.int64], recipes: Recipes, k: int) -> NDArray[np.uint8]:
    """The k-th view in CelebA geometry and colour: uint8 (218, 178, 3)."""
    grid = F.affine_grid(torch.from_numpy(recipes.theta[k : k + 1]), [1, 3, FRAME_HEIGHT, FRAME_WIDTH], False)

    def bent(position: int) -> torch.Tensor:
        source = torch.from_numpy(faces.load_source(int(rows[position])).astype(np.float32))
        return F.grid_sample(source.permute(2, 0, 1)[None], grid, padding_mode="border", align_corners=False)[0]

    share = float(recipes.share[k])
    face = bent(k) if share == 1 else bent(k) * share + bent(int(recipes.partner[k])) * (1 - share)
    lit = (face / 255).clamp(0, 1) ** float(recipes.gamma[k]) * torch.from_numpy(recipes.gain[k])[:, None, None]
    return (lit.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _store(cache: Path, views: Views) -> None:
    with replacing(cache) as temporary, temporary.open("wb") as handle:
        np.savez(handle, patches=views.patches, attributes=views.attributes.astype(np.float16), teacher=views.teacher)

"""The people that benchmarks/enrollment.py enrolls: embeddings and identities from three collections."""

from collections import defaultdict
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedge.bundle import Bundle
from facedge.dataset.prepared import Faces
from facedge.faces.crop import find_crop
from facedge.image_folders import find_images
from facedge.imaging import load_rgb
from facedge.runtime.embedder import Embedder

People = tuple[NDArray[np.float32], NDArray[np.int64]]  # embeddings (N, D) and identities (N,)
CUT = ((65, 177), (50, 131))  # rows and columns that `celeba_cut` keeps of 218 and 178
LEAST_COSINE = 0.25  # to the mean of the identity's other images, by another recogniser
MOST_IMAGES = 30  # of a person of the zip; CelebA has at most 30


def celeba_test(bundle: Bundle, folder: Path, recogniser: Path | None = None) -> People:
    """The test partition; with a recogniser, without the images whose labels are probably wrong."""
    faces = Faces.open(folder)
    rows = faces.indices("test")
    if recogniser:
        rows = rightly_labelled(recogniser, faces, rows)
    return _embed(bundle, faces, rows, lambda images: images), faces.identities[rows].astype(np.int64)


def rightly_labelled(recogniser: Path, faces: Faces, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows whose images another recogniser does not take for somebody else than their identity's other images."""
    from facedge.train.teacher import open_teachers, teacher_embeddings

    x = teacher_embeddings(open_teachers((recogniser,), ("arcface",))[0], faces, rows)
    _, codes, counts = np.unique(faces.identities[rows], return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), x.shape[1]))
    np.add.at(sums, codes, x)
    others = sums[codes] - x
    cosine = (x * others).sum(axis=1) / np.maximum(np.linalg.norm(others, axis=1), 1e-9)
    right = (cosine >= LEAST_COSINE) | (counts[codes] == 1)
    print(f"left out as probably somebody else: {int((~right).sum())} of {len(rows):,} images")
    return rows[right]


def celeba_cut(bundle: Bundle, folder: Path) -> People:
    """The test partition with the border repeated inside the frame, as the crops of many collections come.

    What is left of each image is a box from the forehead to the chin, 81 by 112 pixels of the frame.
    """
    faces = Faces.open(folder)
    rows = faces.indices("test")
    (top, bottom), (left, right) = CUT

    def cut(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        pads = ((0, 0), (top, images.shape[1] - bottom), (left, images.shape[2] - right))
        return np.pad(images[:, top:bottom, left:right], pads, mode="edge")

    return _embed(bundle, faces, rows, cut), faces.identities[rows].astype(np.int64)


def _embed(
    bundle: Bundle, faces: Faces, rows: NDArray[np.int64], change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> NDArray[np.float32]:
    embedder = Embedder(bundle)
    starts = range(0, len(rows), 512)
    return np.concatenate([embedder.embed(change(np.asarray(faces.images[rows[k : k + 512]]))) for k in starts])


def people_zip(bundle: Bundle, path: Path) -> People:
    """Up to MOST_IMAGES random aligned crops of each person of a zip, whose folders are the people."""
    embedder, rng = Embedder(bundle), np.random.default_rng(0)
    found, ids = [], []
    with ZipFile(path) as archive:
        names = defaultdict(list)
        for name in sorted(name for name in archive.namelist() if not name.endswith("/")):
            names[name.rsplit("/", 1)[0]].append(name)
        for who, person in enumerate(sorted(names)):
            for name in sorted(rng.permutation(names[person])[:MOST_IMAGES]):
                with Image.open(BytesIO(archive.read(name))) as image:
                    found.append(embedder.embed(np.asarray(image.convert("L"))[None])[0])
                ids.append(who)
    return np.stack(found), np.array(ids)


def lfw(bundle: Bundle, folder: Path) -> People:
    """People of LFW with two images or more, found and aligned as photos are."""
    embedder, paths = Embedder(bundle), find_images(folder)
    _, codes, counts = np.unique([path.parent.name for path in paths], return_inverse=True, return_counts=True)
    found, ids = [], []
    for path, who in zip(paths, codes, strict=True):
        face = find_crop(load_rgb(path)) if counts[who] > 1 else None
        if face is not None and face.crop is not None:
            found.append(embedder.embed(face.crop[None])[0])
            ids.append(who)
    return np.stack(found), np.array(ids, np.int64)


def halves(people: People) -> tuple[People, People]:
    """Two halves of the people, drawn."""
    x, ids = people
    known = np.unique(ids)
    first = np.isin(ids, np.random.default_rng(5).permutation(known)[: (len(known) + 1) // 2])
    return (x[first], ids[first]), (x[~first], ids[~first])

"""More impostors than a dataset's validation people: photos of strangers, one folder a person."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from facedge.errors import DatasetError, ImageError
from facedge.export.calibrate import Impostors
from facedge.export.engine import session
from facedge.imaging import find_images, load_rgb
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.runtime.locate import locate

PHOTOS_EACH = 1  # a crowd is worth its people, not its photos
LEAST_FOUND = 0.5  # below this share of photos with a face, the folder is not what it was taken for

Track = Callable[[Iterable[int], str, int], Iterable[int]]


def read_crowd(folder: Path, backbones: Sequence[bytes], spec: PreprocessSpec, track: Track) -> list[Impostors]:
    """One photo of each person under `folder` (FOLDER/PERSON/PHOTO), as each of the backbones (ONNX files) sees it.

    Identities count from 0. Raises DatasetError where the folder holds no people, or faces in too few photos.
    """
    photos = _photos_by_person(folder)
    engines = [session(backbone) for backbone in backbones]
    embeddings, identities = [], []
    for number in track(range(len(photos)), "strangers", len(photos)):
        person, path = photos[number]
        try:
            found = locate(load_rgb(path))
        except ImageError:
            continue
        if found.crop is None:
            continue
        tensor = preprocess(found.crop, spec)
        embeddings.append([engine.run(["embedding"], {"image": tensor})[0] for engine in engines])
        identities.append(person)
    if not embeddings or len(embeddings) < LEAST_FOUND * len(photos):
        raise DatasetError(
            f"only {len(embeddings)} of {len(photos)} photos in {folder} show a usable face: expected photos of "
            f"strangers, one folder a person"
        )
    people, source = np.asarray(identities, dtype=np.int32), f"strangers in {folder.name}"
    return [Impostors(np.concatenate(seen), people, source) for seen in zip(*embeddings, strict=True)]


def together(first: Impostors, second: Impostors) -> Impostors:
    """Both crowds, all their people distinct."""
    offset = int(first.identities.max(initial=-1)) + 1
    return Impostors(
        np.concatenate([first.embeddings, second.embeddings]),
        np.concatenate([first.identities, second.identities + offset]).astype(np.int32),
        f"{first.source} and {second.source}",
    )


def _photos_by_person(folder: Path) -> list[tuple[int, Path]]:
    people: dict[Path, list[Path]] = {}
    for path in find_images(folder):
        if path.parent != folder:
            people.setdefault(path.parent, []).append(path)
    if not people:
        raise DatasetError(f"{folder} has no folders with photos in them: expected strangers, one folder a person")
    return [(number, path) for number, paths in enumerate(people.values()) for path in paths[:PHOTOS_EACH]]

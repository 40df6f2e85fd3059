"""Accuracy on a list of pairs of photos: each photo is found, aligned and embedded as the runtime would do it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import DatasetError, InputError
from facedge.metrics import Comparisons, auc, kfold_accuracy, listed_pairs, transferred_accuracy
from facedge.report.model import Floats, Model, no_progress
from facedge.report.pairs_file import PairList, Photo, read_pairs

NO_FACE_SCORE = -1.0  # the lowest cosine there is: what shows no face is accepted nowhere
_CHUNK = 64
Embeddings = dict[Photo, Floats | None]
Progress = Callable[..., Iterable[Any]]


def listed_section(
    model: Model,
    pairs: Path,
    images: Path,
    *,
    train: Path | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """The `pairs` section of a report: accuracy on a list, at a threshold that was chosen on other pairs.

    pairs: a list with folds (View 2's pairs.txt: each fold is judged at the threshold of the others), or one without,
    which needs `train`, the list to choose the threshold on (pairsDevTrain.txt beside pairsDevTest.txt is found).
    Raises DatasetError for lists that are none and photos that are missing, InputError where no threshold can be had.
    """
    listed = read_pairs(pairs)
    choosing = None if listed.folds > 1 else read_pairs(train or _sibling(pairs))
    photos = sorted({*listed.photos(), *(choosing.photos() if choosing else ())})
    embedded = embed_photos(model, photos, images, progress)
    judged = compare(listed, embedded)
    if choosing:
        found = transferred_accuracy(compare(choosing, embedded), judged, seed=seed)
        method = f"The threshold is the best one on the {len(choosing.first):,} pairs of {choosing.name}."
    else:
        found, _ = kfold_accuracy(judged, listed.fold)
        method = f"{listed.folds} folds, each judged at the best threshold of the others; the range is over the folds."
    named = listed.photos()
    return {
        "name": listed.name,
        **vars(found),
        "auc": auc(judged.genuine_scores, judged.impostor_scores),
        "images": len(named),
        "no_face": sum(embedded[photo] is None for photo in named),
        "method": method,
    }


def embed_photos(model: Model, photos: list[Photo], folder: Path, progress: Progress) -> Embeddings:
    """The embedding (D,) of each photo, None where no face is found in it."""
    _refuse_missing(photos, folder)
    embedded: Embeddings = dict.fromkeys(photos)
    for start in progress(range(0, len(photos), _CHUNK), "Finding faces", total=-(-len(photos) // _CHUNK)):
        chunk = photos[start : start + _CHUNK]
        crops = [(photo, crop) for photo in chunk if (crop := _crop(photo.file(folder))) is not None]
        if crops:
            rows, _ = model.embed(np.stack([crop for _, crop in crops]))
            embedded |= {photo: row for (photo, _), row in zip(crops, rows, strict=True)}
    return embedded


def compare(pairs: PairList, embedded: Embeddings) -> Comparisons:
    """The scores of the listed pairs; a pair with a photo that shows no face scores -1."""
    photos = pairs.photos()
    row_of = {photo: k for k, photo in enumerate(photos)}
    people = {person: k for k, person in enumerate(sorted({photo.person for photo in photos}))}
    size = next((len(row) for row in embedded.values() if row is not None), 0)
    if not size:
        raise InputError(f"no face was found in any photo of {pairs.name}: are these photos of faces?")
    known = [embedded[photo] for photo in photos]
    rows = np.stack([np.zeros(size, np.float32) if row is None else row for row in known])
    first, second = (np.array([row_of[p] for p in side]) for side in (pairs.first, pairs.second))
    found = listed_pairs(rows, first, second, np.array([people[photo.person] for photo in photos]))
    faceless = np.array([row is None for row in known])
    scores = np.where(faceless[first] | faceless[second], NO_FACE_SCORE, found.scores)
    return Comparisons(scores, found.left, found.right)


def _crop(path: Path) -> npt.NDArray[np.uint8] | None:
    """The face in the middle of a photo as uint8 RGB (218, 178, 3); a photo in CelebA geometry is taken as it is."""
    from facedge.imaging import load_rgb
    from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH
    from facedge.runtime.locate import locate

    photo = load_rgb(path)
    if photo.shape[:2] == (FRAME_HEIGHT, FRAME_WIDTH):
        return photo
    return locate(photo, faces="center", aligned=False).crop


def _refuse_missing(photos: list[Photo], folder: Path) -> None:
    missing = [photo.file(folder) for photo in photos if not photo.file(folder).is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing):,} of {len(photos):,} listed photos are not there, the first is {missing[0]}: "
            "--images must be the folder that holds one folder a person"
        )


def _sibling(pairs: Path) -> Path:
    """pairsDevTrain.txt beside pairsDevTest.txt."""
    candidate = pairs.with_name(pairs.name.replace("Test", "Train"))
    if candidate == pairs or not candidate.is_file():
        raise InputError(
            f"{pairs.name} has no folds, so its threshold must come from other pairs: "
            "give them with --pairs-train (for LFW pairsDevTrain.txt)"
        )
    return candidate

"""The section of listed pairs: accuracy on a list of pairs of photos, each detected, aligned and embedded."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import DatasetError, InputError
from facedge.metrics.comparisons import Comparisons, listed_pairs
from facedge.metrics.intervals import Bootstrap
from facedge.metrics.pair_accuracy import kfold_accuracy, transferred_accuracy
from facedge.metrics.verification import auc
from facedge.report.model import Model
from facedge.types import Float32Array, Track, UInt8Array, untracked

if TYPE_CHECKING:
    from facedge.dataset.lfw import LfwPairs

NO_FACE_SCORE = -1.0  # the lowest cosine: a photo without a face is rejected at every threshold
_CHUNK = 64
Embeddings = dict[str, Float32Array | None]


def pairs_section(
    model: Model,
    pairs: Path,
    images: Path,
    *,
    train: Path | None = None,
    bootstrap: Bootstrap,
    track: Track = untracked,
) -> dict[str, Any]:
    """Accuracy on a list of pairs, at a threshold that was chosen on other pairs.

    pairs: a list with folds (View 2's pairs.txt: each fold is judged at the threshold of the others), or one without,
    which needs `train`, the list to choose the threshold on (None takes pairsDevTrain.txt beside pairsDevTest.txt).
    Raises DatasetError for malformed lists and missing photos, InputError where no threshold can be chosen.
    """
    from facedge.dataset.lfw import read_lfw_pairs

    listed = read_lfw_pairs(pairs)
    folds = int(listed.fold.max()) + 1
    chosen_on = None if folds > 1 else (train or _sibling(pairs))
    choosing = read_lfw_pairs(chosen_on) if chosen_on else None
    photos = sorted({*_photos(listed), *(_photos(choosing) if choosing else ())})
    embedded = embed_photos(model, photos, images, track)
    test = listed_comparisons(listed, embedded, pairs.name)
    if choosing and chosen_on:
        found = transferred_accuracy(listed_comparisons(choosing, embedded, chosen_on.name), test, bootstrap)
        method = f"The threshold is the best one on the {len(choosing):,} pairs of {chosen_on.name}."
    else:
        found, _ = kfold_accuracy(test, listed.fold)
        method = f"{folds} folds, each judged at the best threshold of the others; the range is over the folds."
    named = _photos(listed)
    genuine, impostor = test.split()
    return {
        "name": pairs.stem,
        **vars(found),
        "auc": auc(genuine.scores, impostor.scores),
        "images": len(named),
        "no_face": sum(embedded[photo] is None for photo in named),
        "method": method,
    }


def embed_photos(model: Model, photos: list[str], folder: Path, track: Track = untracked) -> Embeddings:
    """The embedding (D,) of each photo below the folder, None where no face is found in it."""
    missing = [photo for photo in photos if not (folder / photo).is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing):,} of {len(photos):,} listed photos are not there, the first is {folder / missing[0]}: "
            "--images must be the folder that holds one folder a person"
        )
    embedded: Embeddings = dict.fromkeys(photos)
    for start in track(range(0, len(photos), _CHUNK), "Detecting faces"):
        crops = {photo: _crop(folder / photo) for photo in photos[start : start + _CHUNK]}
        found = {photo: crop for photo, crop in crops.items() if crop is not None}
        if found:
            rows, _ = model.embed(np.stack(list(found.values())))
            embedded |= dict(zip(found, rows, strict=True))
    return embedded


def listed_comparisons(pairs: "LfwPairs", embedded: Embeddings, name: str) -> Comparisons:
    """The scores of the listed pairs; a pair with a photo in which no face was detected scores -1."""
    photos = _photos(pairs)
    row_of = {photo: k for k, photo in enumerate(photos)}
    people = {person: k for k, person in enumerate(sorted({_person(photo) for photo in photos}))}
    size = next((len(row) for row in embedded.values() if row is not None), 0)
    if not size:
        raise InputError(f"no face was found in any photo that {name} names: are these photos of faces?")
    known = [embedded[photo] for photo in photos]
    rows = np.stack([np.zeros(size, np.float32) if row is None else row for row in known])
    first, second = (np.array([row_of[photo] for photo in side]) for side in (pairs.first, pairs.second))
    found = listed_pairs(rows, first, second, np.array([people[_person(photo)] for photo in photos]))
    if not np.array_equal(found.genuine, pairs.same):
        wrong = int(np.argmax(found.genuine != pairs.same))
        raise DatasetError(f"{name} lists {pairs.first[wrong]} and {pairs.second[wrong]} as two people: correct it")
    no_face = np.array([row is None for row in known])
    scores = np.where(no_face[first] | no_face[second], NO_FACE_SCORE, found.scores)
    return Comparisons(scores, found.left, found.right)


def _photos(pairs: "LfwPairs") -> list[str]:
    return sorted({*pairs.first, *pairs.second})


def _person(photo: str) -> str:
    return photo.split("/")[0]


def _crop(path: Path) -> UInt8Array | None:
    """The face nearest the centre of a photo as uint8 RGB (218, 178, 3); a photo of that size is taken as it is."""
    from facedge.faces.crop import find_crop
    from facedge.faces.options import FaceOptions
    from facedge.imaging import load_rgb
    from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH

    photo = load_rgb(path)
    whole = photo.shape[:2] == (FRAME_HEIGHT, FRAME_WIDTH)
    return find_crop(photo, FaceOptions(policy="center"), aligned=whole).crop


def _sibling(pairs: Path) -> Path:
    """The list that goes with pairs without folds: pairsDevTrain.txt beside pairsDevTest.txt."""
    candidate = pairs.with_name(pairs.name.replace("Test", "Train"))
    if candidate == pairs or not candidate.is_file():
        raise InputError(
            f"{pairs.name} has no folds, so its threshold must come from other pairs: "
            "give them with --pairs-train (for LFW pairsDevTrain.txt)"
        )
    return candidate

"""Accuracy on a list of pairs of photos: each photo is found, aligned and embedded as the runtime would do it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facedge.errors import DatasetError, InputError
from facedge.metrics import Comparisons, auc, kfold_accuracy, listed_pairs, transferred_accuracy
from facedge.report.model import Floats, Model, no_progress

if TYPE_CHECKING:
    from facedge.dataset.pairs import LfwPairs

NO_FACE_SCORE = -1.0  # the lowest cosine there is: what shows no face is accepted nowhere
_CHUNK = 64
Embeddings = dict[str, Floats | None]
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
    from facedge.dataset.pairs import read_lfw_pairs

    listed = read_lfw_pairs(pairs)
    folds = int(listed.fold.max()) + 1
    chosen_on = None if folds > 1 else (train or _sibling(pairs))
    choosing = read_lfw_pairs(chosen_on) if chosen_on else None
    photos = sorted({*_photos(listed), *(_photos(choosing) if choosing else ())})
    embedded = embed_photos(model, photos, images, progress)
    judged = compare(listed, embedded, pairs.name)
    if choosing and chosen_on:
        found = transferred_accuracy(compare(choosing, embedded, chosen_on.name), judged, seed=seed)
        method = f"The threshold is the best one on the {len(choosing):,} pairs of {chosen_on.name}."
    else:
        found, _ = kfold_accuracy(judged, listed.fold)
        method = f"{folds} folds, each judged at the best threshold of the others; the range is over the folds."
    named = _photos(listed)
    return {
        "name": pairs.stem,
        **vars(found),
        "auc": auc(judged.genuine_scores, judged.impostor_scores),
        "images": len(named),
        "no_face": sum(embedded[photo] is None for photo in named),
        "method": method,
    }


def embed_photos(model: Model, photos: list[str], folder: Path, progress: Progress = no_progress) -> Embeddings:
    """The embedding (D,) of each photo below the folder, None where no face is found in it."""
    missing = [photo for photo in photos if not (folder / photo).is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing):,} of {len(photos):,} listed photos are not there, the first is {folder / missing[0]}: "
            "--images must be the folder that holds one folder a person"
        )
    embedded: Embeddings = dict.fromkeys(photos)
    for start in progress(range(0, len(photos), _CHUNK), "Finding faces", total=-(-len(photos) // _CHUNK)):
        crops = {photo: _crop(folder / photo) for photo in photos[start : start + _CHUNK]}
        seen = {photo: crop for photo, crop in crops.items() if crop is not None}
        if seen:
            rows, _ = model.embed(np.stack(list(seen.values())))
            embedded |= dict(zip(seen, rows, strict=True))
    return embedded


def compare(pairs: "LfwPairs", embedded: Embeddings, name: str) -> Comparisons:
    """The scores of the listed pairs; a pair with a photo that shows no face scores -1."""
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
    faceless = np.array([row is None for row in known])
    scores = np.where(faceless[first] | faceless[second], NO_FACE_SCORE, found.scores)
    return Comparisons(scores, found.left, found.right)


def _photos(pairs: "LfwPairs") -> list[str]:
    return sorted({*pairs.first, *pairs.second})


def _person(photo: str) -> str:
    return photo.split("/")[0]


def _crop(path: Path) -> npt.NDArray[np.uint8] | None:
    """The face in the middle of a photo as uint8 RGB (218, 178, 3); a photo of that very size is taken as it is."""
    from facedge.imaging import load_rgb
    from facedge.preprocessing.spec import FRAME_HEIGHT, FRAME_WIDTH
    from facedge.runtime.locate import locate

    photo = load_rgb(path)
    if photo.shape[:2] == (FRAME_HEIGHT, FRAME_WIDTH):
        return photo
    return locate(photo, faces="center", aligned=False).crop


def _sibling(pairs: Path) -> Path:
    """pairsDevTrain.txt beside pairsDevTest.txt."""
    candidate = pairs.with_name(pairs.name.replace("Test", "Train"))
    if candidate == pairs or not candidate.is_file():
        raise InputError(
            f"{pairs.name} has no folds, so its threshold must come from other pairs: "
            "give them with --pairs-train (for LFW pairsDevTrain.txt)"
        )
    return candidate

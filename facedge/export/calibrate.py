"""The threshold of a face head, from impostors that are in neither training set, and the cohort of a bundle.

The impostors are the validation identities of a prepared dataset and, where given, people in folders of photos. The
FAR they can support is limited by the number of people, not of images (see `threshold_at_far`); the manifest carries
the interval and both counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedge.bundle import Calibration, OperatingPoint
from facedge.errors import DatasetError, ExportError, ImageError
from facedge.faces.crop import find_crop
from facedge.image_folders import find_images
from facedge.imaging import load_rgb
from facedge.metrics.comparisons import random_turns
from facedge.metrics.thresholds import (
    Threshold,
    far_at_threshold,
    lowest_threshold,
    supported_thresholds,
    threshold_at_far,
)
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.types import Float32Array, Int32Array, Track

USUAL_FAR = 1e-3
TARGETS = (1e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 3e-2, 5e-2, 0.1)  # each needs about 3 / target identities
MOST_IMAGES_OF_ONE = 35  # CelebA's largest identity: the cautious assumption where identities are unknown
TRIAL_PEOPLE = 200  # of the cohort, enrolled as trials: 19,900 pairs support a FAR of 0.02 %
TRIAL_ROWS = 24  # of each of them: as many as a user enrolls, and some as probes
PHOTOS_EACH = 1  # a FAR rests on the number of people, not of photos
LEAST_FOUND = 0.5  # below this share of photos with a face, the folder holds something else


@dataclass(frozen=True)
class Impostors:
    """Embeddings float32 (M, D) of other people, their identities int32 (M,), negative if unknown, their source."""

    embeddings: Float32Array
    identities: Int32Array
    source: str

    @property
    def people(self) -> int:
        """The number of distinct identities."""
        return len(np.unique(self.identities))


def calibrate(scores: Float32Array, impostors: Impostors, far: float | None = None) -> tuple[float, Calibration]:
    """(threshold, evidence) from the head's scores (M,) on the impostors.

    far: the target; None takes 0.001, or the lowest usual target that so many people support, or with too few for
    any of those a threshold that no impostor reaches and the FAR that it proves (rule of three). Raises InputError for
    a target that they do not support, ExportError where the head gives impostors the highest score there is.
    """
    identities, note = known_identities(impostors.identities)
    supported = supported_thresholds(scores, TARGETS, identities=identities)
    if far is None:
        usual = next((found for target, found in supported.items() if target >= USUAL_FAR), None)
        chosen = usual or _above_all(scores, identities)
    else:
        chosen = supported.get(far) or threshold_at_far(scores, far, identities=identities)
    if chosen.threshold > 1.0:
        raise ExportError(
            f"{chosen.estimate.accepted_pairs or 'some'} impostors score 1, so no threshold gives a FAR of "
            f"{chosen.target:g}: train the head on more photos of others, or ask for a higher --far"
        )
    points = tuple(_point(t) for t in supported.values() if t.threshold <= 1.0)
    return chosen.threshold, Calibration(
        far_target=chosen.target,
        far_low95=chosen.estimate.low95,
        far_upper95=chosen.estimate.high95,
        identities=chosen.estimate.identities,
        comparisons=chosen.estimate.comparisons,
        method=f"{impostors.source}; 95 % interval by bootstrap over identities{note}",
        points=points,
    )


def known_identities(identities: Int32Array) -> tuple[Int32Array, str]:
    """(identities without unknowns, a note for the method): 35 images of unknown identity count as one person."""
    unknown = identities < 0
    if not unknown.any():
        return identities, ""
    filled = identities.astype(np.int32).copy()
    filled[unknown] = identities.max(initial=-1) + 1 + np.arange(unknown.sum()) // MOST_IMAGES_OF_ONE
    note = f"; {int(unknown.sum()):,} images of unknown identity count as one person per {MOST_IMAGES_OF_ONE} images"
    return filled, note


def cohort(impostors: Impostors) -> Impostors:
    """The rows that enrollment needs: up to 24 of each of the 200 people with most images, one of everybody else.

    Enrollment runs trials on the former, each in turn as the enrolled person; images of unknown identity take no part.
    """
    identities, note = known_identities(impostors.identities)
    people, counts = np.unique(impostors.identities[impostors.identities >= 0], return_counts=True)
    in_trials = people[np.argsort(-counts, kind="stable")[:TRIAL_PEOPLE]]
    most = np.where(np.isin(impostors.identities, in_trials), TRIAL_ROWS, 1)
    rows = np.flatnonzero(random_turns(identities) < most)
    return Impostors(impostors.embeddings[rows], identities[rows].astype(np.int32), impostors.source + note)


def impostor_photos(folder: Path, backbones: Sequence[bytes], spec: PreprocessSpec, track: Track) -> list[Impostors]:
    """Embeddings of one photo of each person under `folder` (FOLDER/PERSON/PHOTO), by each of the backbones (ONNX).

    Identities count from 0. Raises DatasetError where the folder holds no people, or faces in too few photos.
    """
    photos = _photos_by_person(folder)
    sessions = [open_session("backbone", backbone, error=ExportError) for backbone in backbones]
    embeddings, identities = [], []
    for person, path in track(photos, "impostor photos"):
        try:
            found = find_crop(load_rgb(path))
        except ImageError:
            continue
        if found.crop is None:
            continue
        tensor = preprocess(found.crop, spec)
        embeddings.append([session.run(["embedding"], {"image": tensor})[0] for session in sessions])
        identities.append(person)
    if not embeddings or len(embeddings) < LEAST_FOUND * len(photos):
        raise DatasetError(
            f"only {len(embeddings)} of {len(photos)} photos in {folder} show a usable face: expected photos of "
            f"impostors, one folder a person"
        )
    people, source = np.asarray(identities, dtype=np.int32), f"strangers in {folder.name}"
    return [Impostors(np.concatenate(rows), people, source) for rows in zip(*embeddings, strict=True)]


def joined(first: Impostors, second: Impostors) -> Impostors:
    """All impostors of both, with distinct identities."""
    offset = int(first.identities.max(initial=-1)) + 1
    return Impostors(
        np.concatenate([first.embeddings, second.embeddings]),
        np.concatenate([first.identities, second.identities + offset]).astype(np.int32),
        f"{first.source} and {second.source}",
    )


def _above_all(scores: Float32Array, identities: Int32Array) -> Threshold:
    """The lowest threshold that no impostor reaches, for the FAR that so many people prove."""
    threshold = lowest_threshold(scores, 0.0)
    estimate = far_at_threshold(scores, threshold, identities=identities)
    return Threshold(threshold, math.ceil(estimate.high95 * 100) / 100, estimate)


def _point(t: Threshold) -> OperatingPoint:
    return OperatingPoint(t.target, t.threshold, t.estimate.low95, t.estimate.high95)


def _photos_by_person(folder: Path) -> list[tuple[int, Path]]:
    people: dict[Path, list[Path]] = {}
    for path in find_images(folder):
        if path.parent != folder:
            people.setdefault(path.parent, []).append(path)
    if not people:
        raise DatasetError(f"{folder} has no folders with photos in them: expected impostors, one folder a person")
    return [(number, path) for number, paths in enumerate(people.values()) for path in paths[:PHOTOS_EACH]]

"""From a model and prepared faces to the record that report.json holds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from facedge.errors import InputError
from facedge.metrics import all_pairs, attribute_metrics, balanced_choice, majority_guess
from facedge.report.baselines import baselines_section
from facedge.report.groups import groups_section
from facedge.report.intervals import mean_interval
from facedge.report.model import Floats, Model, embed_all, no_progress
from facedge.report.verification import operating_threshold, verification_section

FORMAT = "facedge-report"
FORMAT_VERSION = 1
PARTITIONS = ("train", "validation", "test")
Progress = Callable[..., Iterable[Any]]


class FaceSet(Protocol):
    """What a prepared folder of faces offers (facedge.dataset.faces.Faces)."""

    @property
    def images(self) -> Any:
        """uint8 (N, H, W)."""

    @property
    def attributes(self) -> npt.NDArray[np.uint8]:
        """0 or 1, (N, A)."""

    @property
    def identities(self) -> npt.NDArray[np.int32]:
        """(N,), negative where unknown."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """A names."""

    @property
    def info(self) -> dict[str, Any]:
        """What faces.json says."""

    def indices(self, partition: str, /) -> npt.NDArray[np.int64]:
        """Rows of "train", "validation" or "test"."""


@dataclass(frozen=True)
class Settings:
    """How much to measure.

    max_images: images in all-pairs verification, chosen evenly over the identities (4,500 make 10 million pairs).
    robustness_images: photos to spoil; 0 leaves the robustness curves out.
    """

    partition: str = "test"
    replicates: int = 1000
    seed: int = 0
    max_images: int = 4500
    robustness_images: int = 0


@dataclass(frozen=True)
class Answers:
    """What the model said about the rows judged: embeddings (N, D), probabilities (N, A), beside the truth."""

    rows: npt.NDArray[np.int64]
    embeddings: Floats
    probabilities: Floats
    labels: npt.NDArray[np.uint8]
    identities: npt.NDArray[np.int32]

    def at(self, chosen: npt.NDArray[np.int64]) -> "Answers":
        """Some of them."""
        return Answers(*(getattr(self, field)[chosen] for field in self.__dataclass_fields__))


def evaluate(
    model: Model, faces: FaceSet | None, settings: Settings, *, progress: Progress = no_progress
) -> dict[str, Any]:
    """The record of `report.json`, in JSON types; sections that the data cannot fill are None.

    Raises InputError where the faces lack the model's attributes or the partition is empty.
    """
    record: dict[str, Any] = header(model)
    if faces is None:
        return record
    rows = _rows(faces, settings.partition)
    columns = _columns(model, faces)
    embeddings, probabilities = embed_all(model, faces.images, rows, progress=progress, what="Reading faces")
    labels = np.asarray(faces.attributes[rows][:, columns])
    answers = Answers(rows, embeddings, probabilities, labels, np.asarray(faces.identities[rows]))
    record["data"] = _data(faces, settings, len(rows))
    record["attributes"] = attributes_section(model, faces, answers, columns, settings)
    known = answers.at(balanced_choice(answers.identities, settings.max_images, settings.seed))
    if _comparable(known.identities):
        record |= _verification(model, faces, known, settings, progress)
    return record


def header(model: Model) -> dict[str, Any]:
    """The record before anything is measured: all keys there, nothing claimed."""
    from facedge import __version__

    empty = ("attributes", "verification", "data", "groups", "baselines", "pairs", "robustness")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created_by": f"facedge {__version__}",
        "bundle": {"name": model.name, "sha256": model.sha256, "kind": model.kind, "trained_on": model.trained_on},
        **dict.fromkeys(empty),
    }


def attributes_section(
    model: Model, faces: FaceSet, answers: Answers, columns: npt.NDArray[np.int64], settings: Settings
) -> dict[str, Any]:
    """Attribute figures beside the majority guess; the interval is None where people are unknown.

    `majority_accuracy` guesses the majority of the very labels judged, the best that one guess an attribute can do;
    `majority_accuracy_from_train` learns it on the train partition, as a model would have to.
    """
    train = faces.indices("train")
    learned = majority_guess(faces.attributes[train][:, columns]) == answers.labels if len(train) else None
    found = attribute_metrics(answers.probabilities, answers.labels, names=model.attribute_names)
    hits = ((answers.probabilities >= 0.5) == (answers.labels == 1)).mean(axis=1)
    low, high = mean_interval(hits, answers.identities, replicates=settings.replicates, seed=settings.seed)
    return {
        "mean_accuracy": found.mean("accuracy"),
        "mean_accuracy_low95": low,
        "mean_accuracy_high95": high,
        "majority_accuracy": found.mean("majority_accuracy"),
        "majority_accuracy_from_train": None if learned is None else float(learned.mean()),
        "balanced_accuracy": _plain(found.mean("balanced_accuracy")),
        "macro_f1": _plain(found.mean("f1")),
        "mean_auc": _plain(found.mean("auc")),
        "calibration_error": found.mean("calibration_error"),
        "per_attribute": {row.pop("name"): row for row in found.rows()},
    }


def _verification(
    model: Model, faces: FaceSet, known: Answers, settings: Settings, progress: Progress
) -> dict[str, Any]:
    boot = {"replicates": settings.replicates, "seed": settings.seed}
    pairs = all_pairs(known.embeddings, known.identities)
    section = verification_section(pairs, images=len(known.rows), **boot)
    del pairs  # 84 MB, and the sections below make their own
    threshold, at = operating_threshold(section)
    found: dict[str, Any] = {"verification": section}
    found["groups"] = groups_section(
        known.embeddings, known.identities, known.labels, model.attribute_names, threshold, at, **boot
    )
    found["baselines"] = baselines_section(known.probabilities, known.labels, known.identities, **boot)
    if settings.robustness_images:
        some = known.at(_several_photos_each(known.identities, settings.robustness_images, settings.seed))
        found["robustness"] = _robustness(model, faces, some, threshold, at, progress)
    return found


def _robustness(
    model: Model, faces: FaceSet, some: Answers, threshold: float, at: str, progress: Progress
) -> dict[str, Any]:
    from facedge.report.robustness import robustness_section

    images = np.ascontiguousarray(faces.images[some.rows])
    return robustness_section(model, images, some.identities, some.labels, threshold, at, progress=progress)


def _rows(faces: FaceSet, partition: str) -> npt.NDArray[np.int64]:
    if partition not in PARTITIONS:
        raise InputError(f"partition: expected train, validation or test, got {partition!r}")
    rows = faces.indices(partition)
    if len(rows) == 0:
        raise InputError(f"the faces have no image in the {partition} partition: choose another with --partition")
    return rows


def _columns(model: Model, faces: FaceSet) -> npt.NDArray[np.int64]:
    """Where the faces keep each of the model's attributes."""
    places = {name: k for k, name in enumerate(faces.attribute_names)}
    missing = [name for name in model.attribute_names if name not in places]
    if missing:
        raise InputError(
            f"the model reads {len(model.attribute_names)} attributes, but the faces have no label for "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}: evaluate on faces labelled like its own"
        )
    return np.array([places[name] for name in model.attribute_names], dtype=np.int64)


def _several_photos_each(identities: npt.NDArray[np.int32], limit: int, seed: int) -> npt.NDArray[np.int64]:
    """At most `limit` rows, four or more of a person where they are: spoilt probes need genuine partners."""
    people, counts = np.unique(identities, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(people))
    order = order[np.argsort(counts[order] < 4, kind="stable")]
    chosen = people[order[: max(2, limit // 4)]]
    return balanced_choice(np.where(np.isin(identities, chosen), identities, -1), limit, seed)


def _comparable(identities: npt.NDArray[np.int32]) -> bool:
    """Whether there are two people and a second photo of one of them."""
    people = len(np.unique(identities))
    return 2 <= people < len(identities)


def _data(faces: FaceSet, settings: Settings, images: int) -> dict[str, Any]:
    return {
        "name": str(faces.info.get("name", "faces")),
        "partition": settings.partition,
        "partition_kind": str(faces.info.get("partition", "unknown")),
        "licence": str(faces.info.get("licence", "unknown")),
        "images": images,
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""The record that report.json holds, from a model and prepared faces."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.metrics.attributes import attribute_metrics, majority_guess
from facedge.metrics.checks import finite_or_none
from facedge.metrics.comparisons import all_pairs, balanced_choice, one_sided
from facedge.metrics.intervals import DEFAULT_BOOTSTRAP, Bootstrap, mean_interval
from facedge.metrics.thresholds import far_of
from facedge.report.groups import groups_section
from facedge.report.model import Head, Model, embed_all
from facedge.report.verification import baselines_section, operating_threshold, verification_section
from facedge.types import Float32Array, Int32Array, Int64Array, Track, UInt8Array, untracked

if TYPE_CHECKING:
    from facedge.dataset.prepared import Faces

FORMAT = "facedge-report"
FORMAT_VERSION = 1
PARTITIONS = ("train", "validation", "test")


@dataclass(frozen=True)
class Settings:
    """How much to measure.

    max_images: images in all-pairs verification, chosen evenly over the identities (4,500 make 10 million pairs).
    robustness_images: photos to degrade; 0 leaves the robustness curves out. The bootstrap's seed also chooses both.
    """

    partition: str = "test"
    bootstrap: Bootstrap = DEFAULT_BOOTSTRAP
    max_images: int = 4500
    robustness_images: int = 0


@dataclass(frozen=True)
class Predictions:
    """What the model gives for rows of a dataset: embeddings (N, D), probabilities (N, A), beside the labels (N, A)."""

    rows: Int64Array
    embeddings: Float32Array
    probabilities: Float32Array
    labels: UInt8Array
    identities: Int32Array

    def at(self, chosen: Int64Array) -> "Predictions":
        """The predictions of some of the rows."""
        return Predictions(*(getattr(self, field)[chosen] for field in self.__dataclass_fields__))


def evaluate(model: Model, faces: "Faces | None", settings: Settings, track: Track = untracked) -> dict[str, Any]:
    """The record of `report.json`, in JSON types; sections that the data cannot fill are None.

    Raises InputError where the faces lack the model's attributes or the partition is empty.
    """
    record = _header(model)
    if faces is None:
        return record
    rows = _rows(faces, settings.partition)
    columns = _columns(model, faces)
    embeddings, probabilities = embed_all(model, faces.images, rows, track, "Embedding faces")
    labels = np.asarray(faces.attributes[rows][:, columns])
    found = Predictions(rows, embeddings, probabilities, labels, np.asarray(faces.identities[rows]))
    record["data"] = _data(faces, settings, len(rows))
    record["attributes"] = attributes_section(model, faces, found, columns, settings.bootstrap)
    if model.head is not None:
        record["head"] = head_section(model.head, found, settings.bootstrap)
    known = found.at(balanced_choice(found.identities, settings.max_images, settings.bootstrap.seed))
    if _comparable(known.identities):
        record |= _verification(model, faces, known, settings, track)
    return record


def attributes_section(
    model: Model, faces: "Faces", found: Predictions, columns: Int64Array, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Attribute figures beside the majority guess; the interval is None where people are unknown.

    `majority_accuracy` guesses the majority of the labels evaluated, the best that one guess an attribute can do;
    `majority_accuracy_from_train` takes the majority of the train partition, as a model would have to.
    """
    train = faces.indices("train")
    learned = majority_guess(faces.attributes[train][:, columns]) == found.labels if len(train) else None
    metrics = attribute_metrics(found.probabilities, found.labels, names=model.attribute_names)
    correct = ((found.probabilities >= 0.5) == (found.labels == 1)).mean(axis=1)
    low, high = mean_interval(correct, found.identities, bootstrap)
    return {
        "mean_accuracy": metrics.mean("accuracy"),
        "mean_accuracy_low95": low,
        "mean_accuracy_high95": high,
        "majority_accuracy": metrics.mean("majority_accuracy"),
        "majority_accuracy_from_train": None if learned is None else float(learned.mean()),
        "balanced_accuracy": finite_or_none(metrics.mean("balanced_accuracy")),
        "macro_f1": finite_or_none(metrics.mean("f1")),
        "mean_auc": finite_or_none(metrics.mean("auc")),
        "calibration_error": metrics.mean("calibration_error"),
        "per_attribute": {row.pop("name"): row for row in metrics.rows()},
    }


def head_section(head: Head, found: Predictions, bootstrap: Bootstrap) -> dict[str, Any]:
    """The false accepts of an enrolled person's head among everybody whose identity is known, all photos of each.

    Who is enrolled must not be in the data. The rate is None where no identity is known.
    """
    known = found.identities >= 0
    record: dict[str, Any] = {
        "threshold": head.threshold,
        "far_target": head.far_target,
        "far_upper95": head.far_upper95,
        "images": int(known.sum()),
        "identities": len(np.unique(found.identities[known])),
        **dict.fromkeys(("far", "far_low95", "far_high95", "accepted", "accepted_identities")),
    }
    if known.any():
        accepted = head.score(found.embeddings[known]) >= head.threshold
        far = far_of(accepted, one_sided(found.identities[known]), bootstrap)
        record |= {"far": far.far, "far_low95": far.low95, "far_high95": far.high95}
        record |= {"accepted": far.accepted, "accepted_identities": far.accepted_pairs}
    return record


def _header(model: Model) -> dict[str, Any]:
    """The record before anything is measured: every key present, the sections None."""
    from facedge import __version__

    empty = ("attributes", "verification", "data", "groups", "baselines", "pairs", "robustness", "head")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created_by": f"facedge {__version__}",
        "created": None,  # the command line adds the time and the command, so that `evaluate` gives the same every time
        "command": None,
        "bundle": {"name": model.name, "sha256": model.sha256, "kind": model.kind, "trained_on": model.trained_on},
        **dict.fromkeys(empty),
    }


def _verification(model: Model, faces: "Faces", known: Predictions, settings: Settings, track: Track) -> dict[str, Any]:
    """The sections of rows of known identity: verification, groups, baselines, robustness."""
    bootstrap = settings.bootstrap
    pairs = all_pairs(known.embeddings, known.identities)
    section = verification_section(pairs, images=len(known.rows), bootstrap=bootstrap)
    del pairs  # 84 MB, and the sections below make their own
    threshold = operating_threshold(section)
    found: dict[str, Any] = {"verification": section}
    found["groups"] = groups_section(
        known.embeddings, known.identities, known.labels, model.attribute_names, threshold, bootstrap
    )
    found["baselines"] = baselines_section(known.probabilities, known.labels, known.identities, bootstrap)
    if settings.robustness_images:
        from facedge.report.robustness import robustness_section

        some = known.at(_several_photos_each(known.identities, settings.robustness_images, bootstrap.seed))
        images = np.ascontiguousarray(faces.images[some.rows])
        found["robustness"] = robustness_section(model, images, some.identities, some.labels, threshold, track)
    return found


def _rows(faces: "Faces", partition: str) -> Int64Array:
    if partition not in PARTITIONS:
        raise InputError(f"partition: expected train, validation or test, got {partition!r}")
    rows = faces.indices(partition)
    if len(rows) == 0:
        raise InputError(f"the faces have no image in the {partition} partition: choose another with --partition")
    return rows


def _columns(model: Model, faces: "Faces") -> Int64Array:
    """The column of each of the model's attributes in the labels of the faces."""
    places = {name: k for k, name in enumerate(faces.attribute_names)}
    missing = [name for name in model.attribute_names if name not in places]
    if missing:
        raise InputError(
            f"the model predicts {len(model.attribute_names)} attributes, but the faces have no label for "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}: evaluate on faces labelled like its own"
        )
    return np.array([places[name] for name in model.attribute_names], dtype=np.int64)


def _several_photos_each(identities: Int32Array, limit: int, seed: int) -> Int64Array:
    """At most `limit` rows, preferably four or more of a person: degraded probes need genuine partners."""
    people, counts = np.unique(identities, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(people))
    order = order[np.argsort(counts[order] < 4, kind="stable")]
    chosen = people[order[: max(2, limit // 4)]]
    return balanced_choice(np.where(np.isin(identities, chosen), identities, -1), limit, seed)


def _comparable(identities: Int32Array) -> bool:
    """Whether there are two people and a second photo of one of them."""
    people = len(np.unique(identities))
    return 2 <= people < len(identities)


def _data(faces: "Faces", settings: Settings, images: int) -> dict[str, Any]:
    return {
        "name": str(faces.info.get("name", "faces")),
        "partition": settings.partition,
        "partition_kind": str(faces.info.get("partition", "unknown")),
        "licence": str(faces.info.get("licence", "unknown")),
        "images": images,
    }

"""Figures of an exported backbone on held-out faces: for the manifest, and for the int8 gate."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE, Faces
from facedge.errors import ExportError
from facedge.metrics.attributes import attribute_metrics, majority_guess
from facedge.metrics.comparisons import all_pairs, balanced_choice
from facedge.metrics.verification import equal_error_rate, error_curve, true_accept_rate
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.types import Float32Array, Int32Array, Int64Array, Track

BATCH = 32
MOST_COMPARED = 3000  # images; all pairs of them are 4.5 million comparisons
TAR_FAR = 1e-3


@dataclass(frozen=True)
class Outputs:
    """Outputs of a backbone for rows of a dataset: embeddings float32 (N, D), attribute probabilities (N, A)."""

    rows: Int64Array
    embeddings: Float32Array
    attributes: Float32Array


@dataclass(frozen=True)
class Figures:
    """Attribute accuracy beside the majority guess; EER and TAR at FAR 1e-3 of all pairs, None without identities."""

    partition: str
    images: int
    attribute_accuracy: float
    majority_accuracy: float
    identities: int
    genuine: int
    impostor: int
    eer: float | None
    tar_at_far_1e_3: float | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return asdict(self)


def run_backbone(
    backbone: bytes,
    faces: Faces,
    partition: str,
    spec: PreprocessSpec,
    track: Track,
    *,
    rows: Int64Array | None = None,
) -> Outputs:
    """Run backbone.onnx over one partition ("train", "validation" or "test") of a prepared dataset, or `rows` of it."""
    rows = faces.indices(partition) if rows is None else rows
    session = open_session("backbone.onnx", backbone, error=ExportError)
    found = []
    for start in track(range(0, len(rows), BATCH), f"{partition} faces"):
        images = preprocess(np.ascontiguousarray(faces.images[rows[start : start + BATCH]]), spec)
        found.append(session.run(["embedding", "attributes"], {"image": images}))
    embeddings, attributes = (np.concatenate(part) for part in zip(*found, strict=True))
    return Outputs(rows, embeddings, attributes)


def evenly_spread(rows: Int64Array, most: int) -> Int64Array:
    """At most `most` of the rows, in order; all where there are no more."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))]


def figures(outputs: Outputs, faces: Faces, partition: str) -> Figures:
    """Figures of the outputs; the majority guess comes from the train partition where there is one.

    Those of attributes are of the images whose attributes are all known.
    """
    labelled = (faces.attributes != UNKNOWN_ATTRIBUTE).all(axis=1)
    train, judged = faces.indices("train"), labelled[outputs.rows]
    train = train[labelled[train]]
    majority = majority_guess(faces.attributes[train if len(train) else outputs.rows[judged]])
    labels = faces.attributes[outputs.rows[judged]]
    attributes = attribute_metrics(outputs.attributes[judged], labels, majority=majority)
    identities = faces.identities[outputs.rows]
    counts = _verification(outputs.embeddings, identities)
    return Figures(
        partition=partition,
        images=len(outputs.rows),
        attribute_accuracy=attributes.mean("accuracy"),
        majority_accuracy=attributes.mean("majority_accuracy"),
        identities=len(np.unique(identities[identities >= 0])),
        **counts,
    )


def _verification(embeddings: Float32Array, identities: Int32Array) -> dict[str, Any]:
    chosen = balanced_choice(identities, MOST_COMPARED)
    ids = identities[chosen]
    people, images = np.unique(ids, return_counts=True)
    if len(people) < 2 or images.max() < 2:
        return {"genuine": 0, "impostor": 0, "eer": None, "tar_at_far_1e_3": None}
    genuine, impostor = all_pairs(embeddings[chosen], ids).split()
    return {
        "genuine": len(genuine.scores),
        "impostor": len(impostor.scores),
        "eer": equal_error_rate(error_curve(genuine.scores, impostor.scores))[0],
        "tar_at_far_1e_3": true_accept_rate(genuine.scores, impostor.scores, TAR_FAR),
    }

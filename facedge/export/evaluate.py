"""How good an exported backbone is on held-out faces: the figures in the manifest, and the int8 gate's measure."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.dataset.faces import Faces
from facedge.export.engine import Floats, session
from facedge.metrics import all_pairs, attribute_metrics, balanced_choice, equal_error_rate, error_curve, majority_guess
from facedge.preprocessing import PreprocessSpec, preprocess

BATCH = 32
MOST_COMPARED = 3000  # images; all pairs of them are 4.5 million comparisons
TAR_FAR = 1e-3

Track = Callable[[Iterable[int], str, int], Iterable[int]]


@dataclass(frozen=True)
class Outputs:
    """What a backbone says of the rows of a dataset: embeddings float32 (N, D), attribute probabilities (N, A)."""

    rows: npt.NDArray[np.int64]
    embeddings: Floats
    attributes: Floats


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


def run_backbone(backbone: bytes, faces: Faces, partition: str, spec: PreprocessSpec, track: Track) -> Outputs:
    """Run backbone.onnx over one partition ("train", "validation" or "test") of a prepared dataset."""
    rows = faces.indices(partition)
    engine = session(backbone)
    found = []
    for start in track(range(0, len(rows), BATCH), f"{partition} faces", -(-len(rows) // BATCH)):
        images = preprocess(np.ascontiguousarray(faces.images[rows[start : start + BATCH]]), spec)
        found.append(engine.run(["embedding", "attributes"], {"image": images}))
    embeddings, attributes = (np.concatenate(part) for part in zip(*found, strict=True))
    return Outputs(rows, embeddings, attributes)


def figures(outputs: Outputs, faces: Faces, partition: str) -> Figures:
    """The figures of outputs on their partition; the majority is learned on the train partition where there is one."""
    train = faces.indices("train")
    learn = train if len(train) else outputs.rows
    majority = majority_guess(faces.attributes[learn])
    attributes = attribute_metrics(outputs.attributes, faces.attributes[outputs.rows], majority=majority)
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


def _verification(embeddings: Floats, identities: npt.NDArray[np.int32]) -> dict[str, Any]:
    chosen = balanced_choice(identities, MOST_COMPARED)
    ids = identities[chosen]
    people, images = np.unique(ids, return_counts=True)
    if len(people) < 2 or images.max() < 2:
        return {"genuine": 0, "impostor": 0, "eer": None, "tar_at_far_1e_3": None}
    genuine, impostor = all_pairs(embeddings[chosen], ids).split()
    curve = error_curve(genuine.scores, impostor.scores)
    return {
        "genuine": len(genuine.scores),
        "impostor": len(impostor.scores),
        "eer": equal_error_rate(curve)[0],
        "tar_at_far_1e_3": float(curve.tar[np.argmax(curve.far <= TAR_FAR)]),
    }

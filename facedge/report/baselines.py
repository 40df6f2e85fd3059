"""What a verifier has to beat: the 40 attributes alone, read by the model or known perfectly.

Two photos score by the correlation of their attribute vectors, each attribute centred and scaled over all photos, so
that rare attributes count. With the true labels in place of the model's answers this is the best that reading
attributes without an error could do.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.metrics import all_pairs
from facedge.report.verification import verification_section

Floats = npt.NDArray[np.floating[Any]]


def attribute_vectors(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Attribute values (N, A) as unit vectors float32 (N, A), whose dot product is their correlation."""
    x = np.asarray(values, dtype=np.float64)
    spread = x.std(axis=0)
    scaled = np.divide(x - x.mean(axis=0), spread, out=np.zeros_like(x), where=spread > 0)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit = np.divide(scaled, length, out=np.zeros_like(scaled), where=length > 0)
    return np.asarray(unit, dtype=np.float32)


def baselines_section(
    probabilities: Floats,
    labels: npt.NDArray[np.uint8],
    identities: npt.NDArray[Any],
    *,
    replicates: int,
    seed: int,
) -> dict[str, Any]:
    """Verification figures of attributes as read (`attributes_read`) and of the labels (`attributes_known`).

    200 replicates are enough beside the model's own figures.
    """
    boot = {"replicates": min(replicates, 200), "seed": seed}
    return {
        name: verification_section(all_pairs(attribute_vectors(values), identities), images=len(identities), **boot)
        for name, values in (("attributes_read", probabilities), ("attributes_known", labels))
    }

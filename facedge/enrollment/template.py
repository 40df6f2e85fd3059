"""The template of a person: the mean embedding, whose cosine to a probe becomes a calibrated probability.

A head is Dense 40, ReLU, Dense 1, sigmoid. Any linear score fits into it exactly, as relu(w.x) - relu(-w.x); so
enrollment on the device averages a few embeddings and writes the same kind of head.onnx as training does.

Cosine to the mean template was chosen by measurement (benchmarks/enrollment.py: 10 images of each of 106 test people,
threshold from the cohort at a FAR of 0.1 %, then the FRR at the FAR that is really 0.1 %): it refuses 8.3 % of genuine
probes, the same normalised per person 9.0 %, a regularised logistic regression 9.4 %, a trained head 12.0 %, whitened
12.1 %, Fisher's discriminant 14.0 %. All realise a FAR of 0.14 to 0.18 %. Training the backbone on identities leaves
nothing to whiten.
"""

from dataclasses import dataclass

import numpy as np

from facedge.bundle.head_onnx import head_onnx_bytes
from facedge.errors import BundleError, InputError
from facedge.types import Float64Array, FloatArray


@dataclass(frozen=True)
class Linear:
    """score(x) = x . weight + bias; float64 (D,) and a number. Higher is more alike."""

    weight: Float64Array
    bias: float

    def score(self, embeddings: FloatArray) -> Float64Array:
        """Embeddings (N, D) -> scores float64 (N,)."""
        return np.asarray(embeddings.astype(np.float64) @ self.weight + self.bias)

    def scaled(self, slope: float, shift: float) -> "Linear":
        """slope * score + shift, as another linear score."""
        return Linear(self.weight * slope, self.bias * slope + shift)


def template(enrolled: FloatArray) -> Linear:
    """The cosine to the mean direction of L2-normalised embeddings (K, D); InputError where they cancel out."""
    mean = enrolled.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    if not length > 1e-6:
        raise InputError("the samples have nothing in common: are they all of one person?")
    return Linear(mean / length, 0.0)


def head_bytes(logit: Linear, hidden: int) -> bytes:
    """head.onnx whose probability is sigmoid(logit(x)), with `hidden` neurons (at least 2; the others stay 0)."""
    if hidden < 2:
        raise BundleError(f"a head with {hidden} hidden neuron cannot hold a signed score: export the bundle again")
    size = len(logit.weight)
    first, second = np.zeros((hidden, size), np.float32), np.zeros((1, hidden), np.float32)
    first[0], first[1] = logit.weight, -logit.weight
    second[0, :2] = 1.0, -1.0
    return head_onnx_bytes(first, np.zeros(hidden, np.float32), second, np.array([logit.bias], np.float32))

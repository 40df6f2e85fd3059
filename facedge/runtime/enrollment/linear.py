"""What enrollment learns: one direction in the embedding, whose score is a calibrated probability.

A head is Dense 40, ReLU, Dense 1, sigmoid. Any linear score fits into it exactly, as relu(w.x) - relu(-w.x); so the
direction is what the device computes, and the file is the same kind of file that training writes. Which direction was
chosen by measurement: `benchmarks/enrollment.py` holds the candidates side by side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.errors import BundleError
from facedge.runtime.head_graph import head_onnx_bytes

Floats = NDArray[np.float64]
SHRINKAGE = (
    0.2  # of the within-person covariance towards a sphere: flat between 0.1 and 0.5 in benchmarks/enrollment.py
)


@dataclass(frozen=True)
class Linear:
    """score(x) = x . weight + bias; float64 (D,) and a number. Higher is more alike."""

    weight: Floats
    bias: float

    def score(self, embeddings: NDArray[np.floating]) -> Floats:
        """Embeddings (N, D) -> scores float64 (N,)."""
        return np.asarray(embeddings.astype(np.float64) @ self.weight + self.bias)

    def scaled(self, slope: float, shift: float) -> "Linear":
        """slope * score + shift, as a score of its own."""
        return Linear(self.weight * slope, self.bias * slope + shift)


@dataclass(frozen=True)
class Spread:
    """How the images of one person vary, summed over people: scatter float64 (D, D) and its degrees of freedom."""

    scatter: Floats
    freedom: int

    def without(self, other: "Spread") -> "Spread":
        """The same without some of its people."""
        return Spread(self.scatter - other.scatter, self.freedom - other.freedom)

    def whitener(self) -> Floats:
        """The inverse of the shrunk covariance within a person, float64 (D, D)."""
        size = len(self.scatter)
        covariance = self.scatter / max(self.freedom, 1)
        sphere = float(np.trace(covariance)) / size
        if self.freedom < 1 or sphere <= 0:  # one image of each: nothing is known about how a person varies
            return np.eye(size)
        return np.asarray(np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(size)))


def spread(embeddings: NDArray[np.floating], identities: NDArray[np.integer]) -> Spread:
    """The scatter of embeddings (N, D) around the mean of each identity (N,)."""
    x = embeddings.astype(np.float64)
    around = x - _means(x, identities)[1]
    return Spread(around.T @ around, len(x) - len(np.unique(identities)))


def centre(embeddings: NDArray[np.floating], identities: NDArray[np.integer]) -> Floats:
    """The mean of the identities' means, float64 (D,): a person counts once, however many images there are."""
    return np.asarray(_means(embeddings.astype(np.float64), identities)[0].mean(axis=0))


def _means(x: Floats, identities: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """The mean of each identity (P, D), and of each row's identity (N, D)."""
    known, codes = np.unique(identities, return_inverse=True)
    sums = np.zeros((len(known), x.shape[1]))
    np.add.at(sums, codes, x)
    means = sums / np.bincount(codes)[:, None]
    return means, means[codes]


def direction(enrolled: NDArray[np.floating], whitener: Floats, middle: Floats) -> Floats:
    """Where the score of a person grows, float64 (D,): whitened, from people in general towards the person.

    enrolled (K, D); whitener (D, D) from `spread`, middle (D,) from `centre`. Fisher's linear discriminant between
    the person and everybody (R. A. Fisher, 1936), with the covariance of people who stand for the person's own.
    """
    return np.asarray(whitener @ (enrolled.astype(np.float64).mean(axis=0) - middle))


def against(weight: Floats, impostors: NDArray[np.floating]) -> Linear:
    """The score along `weight` (D,), shifted and scaled so that impostors (N, D) have mean 0 and deviation 1.

    This is zero normalisation (K. P. Li and J. E. Porter, ICASSP 1988): a person whom many people resemble gets no
    more false accepts than others at one threshold for all.
    """
    raw = impostors.astype(np.float64) @ weight
    deviation = float(raw.std()) or 1.0
    return Linear(weight / deviation, -float(raw.mean()) / deviation)


def head_bytes(logit: Linear, hidden: int) -> bytes:
    """head.onnx whose probability is sigmoid(logit(x)), with `hidden` neurons (at least 2; the others stay silent)."""
    if hidden < 2:
        raise BundleError(f"a head with {hidden} hidden neuron cannot hold a signed score: export the bundle again")
    size = len(logit.weight)
    first, second = np.zeros((hidden, size), np.float32), np.zeros((1, hidden), np.float32)
    first[0], first[1] = logit.weight, -logit.weight
    second[0, :2] = 1.0, -1.0
    return head_onnx_bytes(first, np.zeros(hidden, np.float32), second, np.array([logit.bias], np.float32))

"""Photos that judge a trained face head: the rates that so many can show, and a test's probabilities and errors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facedge import files
from facedge.dataset.folders import UNLABELLED
from facedge.errors import RunError
from facedge.formatting import counted, percent
from facedge.metrics.intervals import clopper_pearson
from facedge.train.photos import JudgingPhotos
from facedge.types import Float32Array

RESULTS = "test.json"
LEAST = 0.5  # `facedge export` chooses the threshold in use, on many more people
NAMED = 8  # photos without a label that are named with their probability
_NAMES = {1: "me", 0: "others", UNLABELLED: None}


def provable_rates(me: int, others: int) -> str:
    """One sentence: the lowest error rates that so many photos can show (rule of three: 95 % upper bound 3/N)."""
    far, frr = min(1.0, 3 / others), min(1.0, 3 / me)
    return (
        f"{others} validation photos of others can show a FAR of {far:.0%} at best and {me} of me an FRR of {frr:.0%}, "
        f"even without a single error: `facedge export` sets the threshold on many more impostors"
    )


def report_test(run: Path, photos: JudgingPhotos, probabilities: Float32Array) -> list[str]:
    """Write test.json into the run, and return the sentences that sum it up.

    probabilities: float32 (N,), of each photo to be of the enrolled person.
    """
    rows = [
        {
            "photo": name,
            "label": _NAMES[int(label)],
            "probability": round(float(p), 6),
            "accepted": bool(p >= LEAST),
        }
        for name, label, p in zip(photos.names, photos.labels, probabilities, strict=True)
    ]
    files.write_json(run / RESULTS, {"accepted_from": LEAST, "photos": rows}, error=RunError)
    accepted = probabilities >= LEAST
    sentences = []
    if len(me := accepted[photos.labels == 1]):
        sentences.append(f"test: {_rate(int((~me).sum()), len(me))} photos of me rejected at probability 0.5")
    if len(others := accepted[photos.labels == 0]):
        sentences.append(f"test: {_rate(int(others.sum()), len(others))} photos of others accepted at probability 0.5")
    unlabelled = np.flatnonzero(photos.labels == UNLABELLED)
    if len(unlabelled):
        sentences.append(_unlabelled([photos.names[row] for row in unlabelled], probabilities[unlabelled]))
    return [*sentences, f"test: every photo is in {run / RESULTS}"]


def _rate(events: int, count: int) -> str:
    low, high = clopper_pearson(events, count)
    return f"{events} of {count} ({percent(events / count)}, 95 % interval {percent(low)} to {percent(high)})"


def _unlabelled(names: Sequence[str], probabilities: Float32Array) -> str:
    order = np.argsort(-probabilities, kind="stable")
    named = ", ".join(f"{names[row]} {probabilities[row]:.2f}" for row in order[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    accepted = int((probabilities >= LEAST).sum())
    return (
        f"test: {accepted} of {counted(len(names), 'photo')} without a label accepted at probability 0.5: {named}{more}"
    )

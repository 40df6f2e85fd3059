"""How to fuse frames: FAR and FRR of a whole attempt, not of a frame, for each way of fusing.

    python benchmarks/attempts.py FACES [--bundle B] [--far 1e-3] [--images 10]

Every test identity with 20 images or more is enrolled by `--images` of its own. An attempt is a run of other images of
one person: of the person enrolled (genuine) or of anybody else (impostor). The threshold is the one that enrollment
sets for a single frame. Images of a data set differ more than the frames of a second, so a rule that takes the best of
several frames accepts more impostors here than before a camera: the FAR per attempt is an upper estimate.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from enrollment import celeba_test
from numpy.typing import NDArray

from facedge.bundle import read_bundle
from facedge.bundle.cohort import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.enrollment.calibration import choose_point, cohort_trials, fit_logistic, template
from facedge.live.fusion import LIMIT
from facedge.metrics.intervals import clopper_pearson

Logits = NDArray[np.float64]
Rule = Callable[[Logits, float], bool]
MOST_FRAMES = 20  # of an attempt: as many images as most identities have


def any_frame(logits: Logits, threshold: float) -> bool:
    """Accept as soon as one frame does: what a naive loop does."""
    return bool((logits >= threshold).any())


def k_of_n(k: int, n: int) -> Rule:
    """Accept when k of the latest n frames do."""

    def rule(logits: Logits, threshold: float) -> bool:
        hits = (logits >= threshold).astype(int)
        return any(hits[max(0, end - n) : end].sum() >= k for end in range(k, len(hits) + 1))

    return rule


def mean_of(n: int) -> Rule:
    """Accept when the mean logit of the latest n frames does."""

    def rule(logits: Logits, threshold: float) -> bool:
        return any(logits[end - n : end].mean() >= threshold for end in range(n, len(logits) + 1))

    return rule


def sequential(far: float, frr: float) -> Rule:
    """Wald's sequential test on the logits as log likelihood ratios, as if frames were independent (they are not)."""
    accept, reject = math.log((1 - frr) / far), math.log(frr / (1 - far))

    def rule(logits: Logits, _threshold: float) -> bool:
        total = 0.0
        for value in logits:
            total += float(value)
            if total >= accept or total <= reject:
                return total >= accept
        return False

    return rule


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--far", type=float, default=1e-3)
    parser.add_argument("--images", type=int, default=10)
    args = parser.parse_args()
    bundle = read_bundle(args.bundle or pretrained())
    cohort = read_cohort(bundle.files)
    assert cohort is not None, "the bundle needs a cohort"
    trials = cohort_trials(*cohort, args.images)
    link = fit_logistic(trials.genuine, trials.impostor)
    threshold = float(link.logit(np.array([choose_point(trials, args.far).threshold]))[0])
    x, ids, fewest = celeba_test(bundle, args.faces)
    genuine, impostor = attempts(x, ids, fewest, args.images, link.logit)
    rules: dict[str, Rule] = {"any frame": any_frame, "2 of 3": k_of_n(2, 3), "3 of 5": k_of_n(3, 5)}
    rules |= {"5 of 5": k_of_n(5, 5), "mean of 3": mean_of(3), "mean of 5": mean_of(5)}
    rules |= {"mean of 10": mean_of(10), "sequential": sequential(args.far, 0.05)}
    print(f"{len(impostor):,} impostor attempts, {len(genuine):,} genuine ones; single-frame FAR asked {args.far:g}")
    for name, rule in rules.items():
        passed = sum(rule(run, threshold) for run in impostor)
        missed = sum(not rule(run, threshold) for run in genuine)
        low, high = clopper_pearson(passed, len(impostor))
        far = f"{passed / len(impostor):.2e} ({low:.1e} to {high:.1e})"
        print(f"{name:12} FAR per attempt {far:28} FRR per attempt {100 * missed / len(genuine):5.1f} %")


def attempts(
    x: NDArray[np.float32], ids: NDArray[np.int64], fewest: int, images: int, logit: Callable[[Logits], Logits]
) -> tuple[list[Logits], list[Logits]]:
    """Logits frame by frame of genuine and of impostor attempts."""
    rng = np.random.default_rng(2)
    known, counts = np.unique(ids, return_counts=True)
    genuine, impostor = [], []
    for who in known[counts >= fewest]:
        mixed = rng.permutation(np.flatnonzero(ids == who))
        scores = np.clip(logit(template(x[mixed[:images]]).score(x)), -LIMIT, LIMIT)
        genuine.append(scores[mixed[images:]][:MOST_FRAMES])
        others = (rng.permutation(np.flatnonzero(ids == other)) for other in known if other != who)
        impostor += [scores[rows][:MOST_FRAMES] for rows in others if len(rows) >= 5]
    return genuine, impostor


if __name__ == "__main__":
    main()

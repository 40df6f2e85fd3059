"""How to fuse frames: FAR and FRR of a whole attempt, not of a frame, for each way of fusing.

    python benchmarks/attempts.py FACES [--bundle B] [--far 1e-3] [--images 10]

Every test identity with 20 images or more is enrolled by `--images` of its own. An attempt is a run of other images of
one person: of the person enrolled (genuine) or of anybody else (impostor). The threshold is the one that enrollment
sets for a single frame.

Images of a data set differ more than the frames of a second: a rule that takes the best of several frames accepts more
impostors here than before a camera, and the mean of several fewer. So a second table makes 30 frames of one image
(moved, turned, blurred, lit differently, noisy) and gives the FAR of such an attempt over the FAR of its single frames,
for the mean of five: ATTEMPT_FACTOR of facedge/live/attempt.py.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from enrollment_sources import celeba_test
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facedge.bundle import read_bundle
from facedge.bundle.cohort import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.dataset.prepared import Faces
from facedge.enrollment.calibration import cohort_trials, fit_logistic, template
from facedge.enrollment.operating_points import from_trials
from facedge.live.fusion import LIMIT, FusionRule
from facedge.metrics.intervals import clopper_pearson
from facedge.runtime.embedder import Embedder

Logits = NDArray[np.float64]
Rule = Callable[[Logits, float], bool]
MOST_FRAMES = 20  # of an attempt: as many images as most identities have
FEWEST = 20  # images of an identity that takes part
STILLS = 3  # images of each person that frames are made of
FACE = (89.0, 130.0)  # the middle of the face in a crop


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
    threshold = float(link.logit(np.array([from_trials(trials, args.far).chosen.cosine]))[0])
    x, ids = celeba_test(bundle, args.faces)
    genuine, impostor = attempts(x, ids, FEWEST, args.images, link.logit)
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
    frames = camera_frames(Embedder(bundle), Faces.open(args.faces))
    for images in (1, 3, 10):
        trials = cohort_trials(*cohort, images)
        link = fit_logistic(trials.genuine, trials.impostor)
        for far in (1e-3, 1e-2):
            point = from_trials(trials, far).chosen.cosine
            compare_frames(x, ids, FEWEST, images, frames, link.logit, float(link.logit(np.array([point]))[0]), far)


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


def camera_frames(embedder: Embedder, faces: Faces) -> dict[int, list[NDArray[np.float32]]]:
    """Embeddings (30, D) of frames made of each of STILLS images of each test identity."""
    rng, found = np.random.default_rng(3), {}
    rows = faces.indices("test")
    for person in np.unique(faces.identities[rows]):
        stills = rng.permutation(rows[faces.identities[rows] == person])[:STILLS]
        images = [Image.fromarray(np.asarray(faces.images[row])) for row in stills]
        frames = [np.stack([as_frame(image, rng) for _ in range(FusionRule().patience)]) for image in images]
        found[int(person)] = [embedder.embed(batch) for batch in frames]
    return found


def as_frame(image: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A grey crop as a frame of a camera: moved, turned, scaled, blurred, lit differently, noisy (normal deviates)."""
    scale = 1 + rng.normal(0, 0.02)
    angle = math.radians(rng.normal(0, 2))
    dx, dy = rng.normal(0, 2, 2)
    c, s, (x, y) = math.cos(angle) / scale, math.sin(angle) / scale, FACE
    matrix = (c, s, x - c * (x + dx) - s * (y + dy), -s, c, y + s * (x + dx) - c * (y + dy))
    moved = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        moved = moved.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))
    pixels = np.asarray(moved).astype(np.float32)
    lit = (pixels - 128) * (1 + rng.normal(0, 0.1)) + 128 + rng.normal(0, 10)
    return np.clip(lit + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


def compare_frames(
    x: NDArray[np.float32],
    ids: NDArray[np.int64],
    fewest: int,
    images: int,
    frames: dict[int, list[NDArray[np.float32]]],
    logit: Callable[[Logits], Logits],
    threshold: float,
    asked: float,
) -> None:
    """Print the FAR of attempts over that of their single frames, with its interval by bootstrap over identities."""
    rng, window = np.random.default_rng(4), FusionRule().window
    known, counts = np.unique(ids, return_counts=True)
    single, attempt = np.zeros((len(known),) * 2), np.zeros((len(known),) * 2)
    for row in np.flatnonzero(counts >= fewest):
        own = template(x[rng.permutation(np.flatnonzero(ids == known[row]))[:images]])
        for column, other in enumerate(known):
            for one in frames[int(other)] if row != column else []:
                run = np.clip(logit(own.score(one)), -LIMIT, LIMIT)
                single[row, column] += (run >= threshold).mean()
                attempt[row, column] += mean_of(window)(run, threshold)
    drawn = rng.integers(0, len(known), (1000, len(known)))
    weights = np.stack([np.bincount(one, minlength=len(known)) for one in drawn]).astype(float)
    singles, attempts = (np.einsum("bi,ij,bj->b", weights, of, weights) for of in (single, attempt))
    low, high = np.percentile(attempts[singles > 0] / singles[singles > 0], [2.5, 97.5])
    made = (counts >= fewest).sum() * (len(known) - 1) * STILLS
    print(
        f"{images:2d} images, FAR asked {asked:g}: single frames {single.sum() / made:.2e}, attempts of "
        f"{FusionRule().patience} frames {attempt.sum() / made:.2e}, {attempt.sum() / single.sum():.2f} times "
        f"({low:.2f} to {high:.2f}); {made:,} attempts",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""Enrollment measured as a user meets it: realised FAR against the one asked for, and the FRR, by method.

    python benchmarks/enrollment.py FACES [--bundle B] [--far 1e-3] [--lfw DIR] [-o FOLDER]

Each test identity with 20 images or more is enrolled by 1, 3, 5 and 10 of its images; the remaining ones are genuine
probes, every image of every other test identity is an impostor. Thresholds come from the bundle's cohort alone, as on a
device. With --lfw, people of LFW with 12 images or more take part in a table of their own: another data set than the
cohort's, which is what a camera is too. Writes a table (stdout), enrollment.json and det.png.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from enrollment_methods import METHODS, Fit
from numpy.typing import NDArray

from facedge.bundle import Bundle, read_bundle
from facedge.bundle.arrays import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.dataset.prepared import Faces
from facedge.errors import DatasetError, FacedgeError, InputError
from facedge.metrics.comparisons import one_sided
from facedge.metrics.intervals import Bootstrap, percentile_interval, resampled_rates
from facedge.metrics.thresholds import far_at_threshold, threshold_at_far
from facedge.metrics.verification import error_curve
from facedge.runtime.embedder import Embedder

Floats = NDArray[np.float64]
ENROLLED = (1, 3, 5, 10)
LFW_IMAGES = 12  # of a person of LFW who is enrolled by 10
FOLDS = 4  # of a cohort whose people take turns: nobody is scored by an enrollment fitted on them
SLOW = {"trained head": 40, "logistic": 40}  # people of the cohort that take turns: enough pairs for 0.1 %


@dataclass(frozen=True)
class Scored:
    """Scores of many enrollments: genuine (G,) of people (G,), impostor (M,) of pairs (M, 2)."""

    genuine: Floats
    people: NDArray[np.int64]
    impostor: Floats
    pairs: NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """One line of the table; intervals are 95 %, by bootstrap over identities."""

    data: str
    method: str
    images: int
    people: int
    far_asked: float
    far: float
    far_low: float
    far_high: float
    frr: float
    frr_low: float
    frr_high: float
    frr_at_realised_far: float


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--far", type=float, default=1e-3)
    parser.add_argument("--lfw", type=Path)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--images", type=int, nargs="*", default=list(ENROLLED))
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    bundle = read_bundle(args.bundle or pretrained())
    sets = {"CelebA test": celeba_test(bundle, args.faces)}
    if args.lfw:
        sets["LFW"] = lfw(bundle, args.lfw)
    rows, curves = measure(bundle, sets, args.far, args.methods, args.images)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        record = {"bundle": bundle.sha256, "rows": [asdict(row) for row in rows]}
        (args.output / "enrollment.json").write_text(json.dumps(record, indent=1))
        plot(curves, args.output / "det.png", max(args.images))


def celeba_test(bundle: Bundle, folder: Path) -> tuple[Floats, NDArray[np.int64], int]:
    """(embeddings, identities, fewest images of a person that is enrolled) of the test partition."""
    faces = Faces.open(folder)
    rows = faces.indices("test")
    return _embed(bundle, faces.images, rows), faces.identities[rows].astype(np.int64), 20


def _embed(bundle: Bundle, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    embedder = Embedder(bundle)
    parts = [embedder.embed(np.asarray(images[rows[k : k + 512]])) for k in range(0, len(rows), 512)]
    return np.concatenate(parts)


def lfw(bundle: Bundle, folder: Path) -> tuple[Floats, NDArray[np.int64], int]:
    """People of LFW with 12 images or more and everybody else as impostors, found and aligned as photos are."""
    from facedge.faces.crop import find_crop
    from facedge.image_files import find_images
    from facedge.imaging import load_rgb

    embedder, found, names = Embedder(bundle), [], []
    for path in find_images(folder):
        face = find_crop(load_rgb(path))
        if face.crop is not None:
            found.append(embedder.embed(face.crop[None])[0])
            names.append(path.stem.rsplit("_", 1)[0])
    _, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    if not len(counts) or counts.max() < LFW_IMAGES:
        most = counts.max(initial=0)
        raise DatasetError(
            f"{folder}: nobody has {LFW_IMAGES} images (the most is {most}): --lfw needs the whole of LFW"
        )
    return np.stack(found), codes.astype(np.int64), LFW_IMAGES


def enrollments(fit: Fit, x: Floats, ids: NDArray[np.int64], fewest: int, images: int, cohort: tuple) -> Scored:
    """Enroll everybody with at least `fewest` images by `images` of them, and score all the rest."""
    rng = np.random.default_rng(1)
    genuine, people, impostor, pairs = [], [], [], []
    for who, count in zip(*np.unique(ids, return_counts=True), strict=True):
        mixed = rng.permutation(np.flatnonzero(ids == who))
        if count < fewest:
            continue
        score = fit(x[mixed[:images]], *cohort)
        other = ids != who
        genuine.append(score(x[mixed[max(ENROLLED) :]]))  # the same probes, however many enroll
        people.append(np.full(count - max(ENROLLED), who))
        impostor.append(score(x[other]))
        pairs.append(np.stack([np.full(other.sum(), who), ids[other]], axis=1))
    return Scored(*(np.concatenate(part) for part in (genuine, people, impostor, pairs)))


def cohort_scores(fit: Fit, cohort: tuple, images: int, most: int) -> Scored:
    """The cohort's people enrolled in turn, as `facedge.enrollment.calibration` does, for any method.

    People with a single image are not enrolled, but methods that fit on impostors may use them.
    """
    x, ids = cohort
    rng = np.random.default_rng(0)
    known, counts = np.unique(ids, return_counts=True)
    several, fold_of = known[counts > 1], np.full(len(ids), -1)
    for fold, members in enumerate(np.array_split(rng.permutation(several), FOLDS)):
        fold_of[np.isin(ids, members)] = fold
    impostor, pairs = [], []
    for who in rng.permutation(known[counts > images])[:most]:
        enroll = rng.permutation(np.flatnonzero(ids == who))[:images]
        for fold in range(FOLDS):
            tried, fitted = (fold_of == fold) & (ids != who), (fold_of != fold) & (ids != who)
            impostor.append(fit(x[enroll], x[fitted], ids[fitted])(x[tried]))
            pairs.append(np.stack([np.full(tried.sum(), who), ids[tried]], axis=1))
    return Scored(np.zeros(0), np.zeros(0, np.int64), np.concatenate(impostor), np.concatenate(pairs))


def measure(
    bundle: Bundle, sets: dict[str, tuple], far: float, methods: list[str], counts: list[int]
) -> tuple[list[Row], dict[str, Scored]]:
    """The table, printed as it grows, and the scores at the most images for the DET plot."""
    cohort = read_cohort(bundle.files)
    if cohort is None:
        raise FacedgeError(f"{bundle.path} carries no cohort: export it with --faces")
    rows, curves = [], {}
    print(f"cohort: {len(cohort[0]):,} images of {len(np.unique(cohort[1])):,} people; FAR asked {far:g}")
    print(
        f"{'data':12} {'method':24} images  people  realised FAR (95 %)        FRR (95 %)              FRR at true FAR"
    )
    for name in methods:
        for images in counts:
            fit = METHODS[name]
            threshold = _threshold(cohort_scores(fit, cohort, images, SLOW.get(name, 10_000)), far)
            for data, (x, ids, fewest) in sets.items():
                scored = enrollments(fit, x, ids, fewest, images, cohort)
                rows.append(_row(data, name, images, scored, threshold, far))
                curves[f"{data}: {name}"] = scored
                print(_line(rows[-1]), flush=True)
    return rows, curves


def _threshold(scored: Scored, far: float) -> float:
    return threshold_at_far(scored.impostor, far, identities=scored.pairs).threshold


def _row(data: str, method: str, images: int, scored: Scored, threshold: float, far: float) -> Row:
    realised = far_at_threshold(scored.impostor, threshold, identities=scored.pairs)
    frr, low, high = _frr(scored, threshold)
    try:
        fair = float(
            np.mean(scored.genuine < threshold_at_far(scored.impostor, far, identities=scored.pairs).threshold)
        )
    except InputError:  # so few people do not support that FAR
        fair = float("nan")
    people = len(np.unique(scored.people))
    return Row(data, method, images, people, far, realised.far, realised.low95, realised.high95, frr, low, high, fair)


def _frr(scored: Scored, threshold: float) -> tuple[float, float, float]:
    who = one_sided(scored.people)
    missed, counts = who.counts(scored.genuine < threshold), who.counts()
    low, high = percentile_interval(resampled_rates(Bootstrap(1000, 0).draw(who.identities), who, missed, counts))
    return float(missed.sum() / counts.sum()), low, high


def _line(r: Row) -> str:
    far = f"{r.far:.2e} ({r.far_low:.1e} to {r.far_high:.1e})"
    frr = f"{100 * r.frr:5.1f} % ({100 * r.frr_low:.1f} to {100 * r.frr_high:.1f})"
    return (
        f"{r.data:12} {r.method:24} {r.images:6d}  {r.people:6d}  {far:26} {frr:24} {100 * r.frr_at_realised_far:.1f} %"
    )


def plot(curves: dict[str, Scored], path: Path, images: int) -> None:
    """The DET plot: FRR over FAR, both logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5.5), layout="constrained")
    for name, scored in curves.items():
        curve = error_curve(scored.genuine, scored.impostor)
        axes.plot(curve.far, curve.frr, label=name, linewidth=1.4)
    axes.set(xscale="log", yscale="log", xlim=(1e-5, 1), ylim=(1e-2, 1), xlabel="FAR", ylabel="FRR")
    axes.set_title(f"{images} images enrolled")
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()

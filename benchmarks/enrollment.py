"""Enrollment measured as a user meets it: realised FAR against the one asked for, and the FRR, on three sources.

    python benchmarks/enrollment.py FACES [--people ZIP] [--lfw DIR] [--bundle B] [--far 1e-3] [--recogniser R.onnx]
                                    [-o FOLDER]

FACES is a prepared folder with CelebA's test identities (used twice: "cut" has the border repeated from the face on),
--people a zip of aligned crops with a folder for each person, --lfw the folder of LFW's images. --recogniser (ArcFace's
input convention) adds CelebA's test identities without the images that it takes for somebody else than the identity's
other images: those whose labels are probably wrong. Of each source, those with enough images are enrolled by 1, 3, 5
and 10 of them; their other images are genuine probes, every image of everybody else of the source is an impostor.
Thresholds come from a cohort alone, as on a device: the bundle's, and with --people also the bundle's with half of the
zip's people, each source on its own and weighing alike. `warned` is the share of enrollments that show a condition of
the bundle's calibration table (the method "raised" raises their thresholds), `unwarned` the FAR of the others. Writes a
table (stdout), enrollment.json, enrollment.md and det.png.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from enrollment_methods import METHODS, Fit, raised_cosine
from enrollment_sources import People, celeba_cut, celeba_test, halves, lfw, people_zip
from numpy.typing import NDArray

from facedge.bundle import Bundle, read_bundle
from facedge.bundle.calibration_table import CalibrationTable, read_table
from facedge.bundle.cohort import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.enrollment.calibration import template
from facedge.enrollment.conditions import shown_conditions
from facedge.errors import FacedgeError, InputError
from facedge.metrics.comparisons import one_sided
from facedge.metrics.intervals import DEFAULT_BOOTSTRAP, percentile_interval, resampled_rates
from facedge.metrics.thresholds import far_at_threshold, lowest_threshold, threshold_at_far
from facedge.metrics.verification import error_curve

Floats = NDArray[np.float64]
ENROLLED = (1, 3, 5, 10)
MOST_ENROLLED = 200  # people of a source, drawn
FEWEST_ENROLLED = 20  # people behind a row
FOLDS = 4  # of a cohort whose people take turns: nobody is scored by an enrollment fitted on them
DEFAULT = ("mean cosine", "centred cosine", "mean cosine, normalised", "s-norm")
SLOW = {"trained head": 40, "logistic": 40}  # people of the cohort that take turns: enough pairs for 0.1 %


@dataclass(frozen=True)
class Scored:
    """Scores of many enrollments: genuine (G,) of people (G,), impostor (M,) of pairs (M, 2) of enrolled and probe.

    `warned`: the enrolled people whom the source check warns of.
    """

    genuine: Floats
    people: NDArray[np.int64]
    impostor: Floats
    pairs: NDArray[np.int64]
    warned: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Row:
    """One line of the table; intervals are 95 %, by bootstrap over identities."""

    data: str
    cohort: str
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
    warned: float
    far_unwarned: float | None


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--people", type=Path)
    parser.add_argument("--lfw", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--far", type=float, default=1e-3)
    parser.add_argument("--methods", nargs="*", default=list(DEFAULT), choices=list(METHODS))
    parser.add_argument("--images", type=int, nargs="*", default=list(ENROLLED))
    parser.add_argument("--recogniser", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    bundle = read_bundle(args.bundle or pretrained())
    cohort = read_cohort(bundle.files)
    if cohort is None:
        raise FacedgeError(f"{bundle.path} carries no cohort: export it with --faces")
    sets = {"CelebA test": celeba_test(bundle, args.faces), "CelebA test, cut": celeba_cut(bundle, args.faces)}
    if args.recogniser:
        sets["CelebA test, rightly labelled"] = celeba_test(bundle, args.faces, args.recogniser)
    if args.lfw:
        sets["LFW"] = lfw(bundle, args.lfw)
    table = read_table(bundle.files, bundle.manifest.embedding_size)
    if table is not None:
        METHODS["raised"] = raised_cosine(table, args.far)
        args.methods = ["raised", *args.methods]
    cohorts: dict[str, list[People]] = {"bundle": [cohort]}
    if args.people:
        sets["people"] = people_zip(bundle, args.people)
        first, sets["people, other half"] = halves(sets["people"])
        cohorts["bundle and half of the people"] = [cohort, first]
    rows, curves = measure(cohorts, sets, args.far, args.methods, args.images, table)
    if args.output:
        seen = args.people is not None and f": {args.people.stem} (" in bundle.manifest.data.name
        write(args.output, bundle, rows, args.far, SEEN_NOTE if seen else "")
        plot(curves, args.output / "det.png", max(args.images))


def enrollments(fit: Fit, people: People, images: int, cohort: People, table: CalibrationTable | None = None) -> Scored:
    """Enroll up to MOST_ENROLLED people who have more images by `images` of them, and score all the rest."""
    x, ids = people
    rng = np.random.default_rng(1)
    known, counts = np.unique(ids, return_counts=True)
    genuine, who_is, impostor, pairs, warned = [], [], [], [], []
    for who in rng.permutation(known[counts > images])[:MOST_ENROLLED].tolist():
        mixed = rng.permutation(np.flatnonzero(ids == who))
        enrolled = x[mixed[:images]]
        score, other = fit(enrolled, *cohort), ids != who
        genuine.append(score(x[mixed[images:]]))
        who_is.append(np.full(len(mixed) - images, who))
        impostor.append(score(x[other]))
        pairs.append(np.stack([np.full(other.sum(), who), ids[other]], axis=1))
        if table is not None and shown_conditions(table, enrolled, template(enrolled)):
            warned.append(who)
    return Scored(*(np.concatenate(part) for part in (genuine, who_is, impostor, pairs)), frozenset(warned))


def cohort_scores(fit: Fit, cohort: People, images: int, most: int) -> Floats:
    """Impostor scores of the cohort's people enrolled in turn, as facedge.enrollment.calibration does, for any method.

    People with a single image are not enrolled, but methods that fit on impostors may use them.
    """
    x, ids = cohort
    rng = np.random.default_rng(0)
    known, counts = np.unique(ids, return_counts=True)
    several, fold_of = known[counts > 1], np.full(len(ids), -1)
    for fold, members in enumerate(np.array_split(rng.permutation(several), FOLDS)):
        fold_of[np.isin(ids, members)] = fold
    impostor = []
    for who in rng.permutation(known[counts > images])[:most]:
        enroll = rng.permutation(np.flatnonzero(ids == who))[:images]
        for fold in range(FOLDS):
            tried, fitted = (fold_of == fold) & (ids != who), (fold_of != fold) & (ids != who)
            impostor.append(fit(x[enroll], x[fitted], ids[fitted])(x[tried]))
    return np.concatenate(impostor)


def threshold_of_sources(scores: list[Floats], far: float) -> float:
    """The lowest threshold whose FAR, the mean over the sources' impostor scores, is at most `far`: to 1e-6."""
    if len(scores) == 1:
        return lowest_threshold(scores[0], far)
    low, high = min(s.min() for s in scores), max(s.max() for s in scores) + 1e-6
    while high - low > 1e-6:
        middle = (low + high) / 2
        above = np.mean([np.mean(s >= middle) for s in scores]) > far
        low, high = (middle, high) if above else (low, middle)
    return float(high)


def measure(
    cohorts: dict[str, list[People]],
    sets: dict[str, People],
    far: float,
    methods: list[str],
    counts: list[int],
    table: CalibrationTable | None,
) -> tuple[list[Row], dict[str, Scored]]:
    """The table, printed as it grows, and the scores at the most images for the DET plot."""
    rows, curves = [], {}
    print(HEADER)
    for name in methods:
        for images in counts:
            fit, scored = METHODS[name], {}
            for data, people in sets.items():
                several = np.unique(people[1], return_counts=True)[1] > images
                if several.sum() >= FEWEST_ENROLLED:
                    scored[data] = enrollments(fit, people, images, cohorts["bundle"][0], table)
                    curves[f"{data}: {name}"] = scored[data]
            for cohort, parts in cohorts.items():
                impostors = [cohort_scores(fit, part, images, SLOW.get(name, 10_000)) for part in parts]
                threshold = threshold_of_sources(impostors, far)
                for data, found in scored.items():
                    if not (data == "people" and len(parts) > 1):  # half of them are in that cohort
                        rows.append(_row(data, cohort, name, images, found, threshold, far))
                        print(_line(rows[-1]), flush=True)
    return rows, curves


def _row(data: str, cohort: str, method: str, images: int, scored: Scored, threshold: float, far: float) -> Row:
    realised = far_at_threshold(scored.impostor, threshold, identities=scored.pairs)
    frr, low, high = _frr(scored, threshold)
    try:
        fair = float(
            np.mean(scored.genuine < threshold_at_far(scored.impostor, far, identities=scored.pairs).threshold)
        )
    except InputError:  # so few people do not support that FAR
        fair = float("nan")
    people = len(np.unique(scored.people))
    rates = (realised.far, realised.low95, realised.high95, frr, low, high, fair)
    calm = ~np.isin(scored.pairs[:, 0], list(scored.warned))
    unwarned = float(np.mean(scored.impostor[calm] >= threshold)) if calm.any() else None
    return Row(data, cohort, method, images, people, far, *rates, len(scored.warned) / people, unwarned)


def _frr(scored: Scored, threshold: float) -> tuple[float, float, float]:
    who = one_sided(scored.people)
    missed, counts = who.counts(scored.genuine < threshold), who.counts()
    low, high = percentile_interval(resampled_rates(DEFAULT_BOOTSTRAP.draw(who.identities), who, missed, counts))
    return float(missed.sum() / counts.sum()), low, high


CUT_NOTE = (
    "The crops of `people` have their border repeated inside the frame. `CelebA test, cut` has the same done to the "
    "test images, and shows how much of the FAR that alone makes. Of the method `raised`, which facedge ships, rows "
    "above twice the FAR asked can be of these two sets only: an enrollment whose photos do not show the condition "
    "(`warned` is the share of those that do) keeps the threshold for ordinary photos.\n\n"
)
SEEN_NOTE = (
    "The images of `people` are among those that this bundle's backbone was trained on, by the teacher's embeddings "
    "and without their identities: those rows are not of unknown people. The other rows are.\n\n"
)
HEADER = (
    "| data | cohort | method | images | people | realised FAR (95 %) | FRR (95 %) | FRR at the FAR asked | warned | "
    "FAR of unwarned |\n|---|---|---|---|---|---|---|---|---|---|"
)


def _line(r: Row) -> str:
    far = f"{100 * r.far:.2g} % ({100 * r.far_low:.2g} to {100 * r.far_high:.2g})"
    far = f"**{far}**" if r.far > 2 * r.far_asked else far
    frr = f"{100 * r.frr:.1f} % ({100 * r.frr_low:.1f} to {100 * r.frr_high:.1f})"
    fair = "–" if np.isnan(r.frr_at_realised_far) else f"{100 * r.frr_at_realised_far:.1f} %"
    calm = "–" if r.far_unwarned is None else f"{100 * r.far_unwarned:.2g} %"
    cells = (r.data, r.cohort, r.method, str(r.images), str(r.people), far, frr, fair, f"{100 * r.warned:.0f} %", calm)
    return "| " + " | ".join(cells) + " |"


def write(folder: Path, bundle: Bundle, rows: list[Row], far: float, note: str = "") -> None:
    """enrollment.json and enrollment.md; note: a paragraph for the head of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [{k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(row).items()} for row in rows]
    (folder / "enrollment.json").write_text(json.dumps({"bundle": bundle.sha256, "rows": plain}, indent=1) + "\n")
    head = (
        f"# Enrollment on people from elsewhere, FAR {100 * far:g} % asked\n\nWritten by `benchmarks/enrollment.py`, "
        f"which says what the columns are; bundle `{bundle.sha256[:16]}`. Bold: above twice the FAR asked.\n\n"
    )
    (folder / "enrollment.md").write_text(head + CUT_NOTE + note + "\n".join([HEADER, *map(_line, rows)]) + "\n")


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

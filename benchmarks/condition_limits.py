"""The choice of the limits of a calibration table (facedge/export/calibration_table.py, LIMITS), on validation people.

    python benchmarks/condition_limits.py CELEBA --photos FOLDER [--crops FILE]

A table is made from every second validation identity (8 images each) and judges the others, and the other way round, so
that nobody is judged by a table made from their own photos. What is judged are the enrollments and probes that
`benchmarks/conditions.py --partition validation --cache FOLDER` left in FOLDER. For each choice of limits: the FAR of
each condition at 0.1 % asked, the FRR, and the share of ordinary enrollments that are taken for a condition. Conditions
that enrollment nearly always refuses (fewer than 3,000 comparisons) are left out. The limits to choose are those that
refuse the fewest people while no condition is above twice the FAR asked. --crops keeps what is embedded for the tables.
"""

import argparse
import math
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conditions import Presented
from numpy.typing import NDArray
from PIL import Image

from facedge.bundle import Bundle, read_bundle
from facedge.bundle.calibration_table import CalibrationTable, read_table
from facedge.bundle.resolve import pretrained
from facedge.dataset.celeba import read_celeba
from facedge.enrollment.calibration import template
from facedge.enrollment.conditions import raise_thresholds, shown_conditions
from facedge.enrollment.operating_points import look_up
from facedge.export.calibration_table import Embedded, Limits, conditions_of, embed_conditions
from facedge.imaging import load_rgb
from facedge.runtime.embedder import Embedder

FAR = 1e-3
IMAGES = 8  # of each identity, for the tables
FEWEST = 3000  # comparisons
CHOICES = [
    *(Limits(claimed, 0.6) for claimed in (1.5, 2.0, 2.5, 3.0, 3.4, 4.0)),
    *(Limits(2.5, share) for share in (0.4, 0.8, 1.0)),
    Limits(math.inf, 1.0),  # none is shown
]
People = dict[str, list[Presented]]


@dataclass(frozen=True)
class Rates:
    """Of one condition: FAR, FRR, comparisons of impostors, share of enrollments taken for a condition."""

    far: float
    frr: float
    comparisons: int
    claimed: float


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("celeba", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--crops", type=Path)
    args = parser.parse_args()
    bundle = read_bundle(pretrained())
    photos = read_photos(args.photos)
    if args.crops is None or not args.crops.is_file():
        found = embed_conditions(Embedder(bundle), *crops_of(args.celeba))
        if args.crops is not None:
            args.crops.write_bytes(pickle.dumps(found))
    else:
        found = pickle.loads(args.crops.read_bytes())
    print("from, share of FAR: conditions above twice the FAR, the highest; ordinary FRR and claimed")
    for limits in CHOICES:
        rates = judge(bundle, found, photos, limits)
        judged = {name: rate for name, rate in rates.items() if rate.comparisons >= FEWEST}
        worst = max(judged, key=lambda name: judged[name].far)
        above, clean = sum(rate.far > 2 * FAR for rate in judged.values()), rates["clean"]
        far, frr = (np.mean([getattr(rate, name) for rate in judged.values()]) for name in ("far", "frr"))
        print(
            f"{limits.claimed_from:g}, {limits.share_of_far:g}: {above} of {len(judged)} above, "
            f"{worst} {100 * judged[worst].far:.2f} %; ordinary FRR {100 * clean.frr:.1f} %, claimed "
            f"{100 * clean.claimed:.0f} %; mean of all FAR {100 * far:.3f} %, FRR {100 * frr:.1f} %",
            flush=True,
        )


def read_photos(folder: Path) -> People:
    """What benchmarks/conditions.py left of the validation partition, by condition."""
    import __main__

    __main__.Presented = Presented  # type: ignore[attr-defined]  # as that program pickled it
    files = sorted(folder.glob("validation-*.pickle"))
    return {file.stem.split("-", 1)[1].rsplit("-", 2)[0]: pickle.loads(file.read_bytes()) for file in files}


def crops_of(celeba: Path) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Grey crops (N, 218, 178) of the validation identities, IMAGES each at random, and who is in them."""
    data, rng = read_celeba(celeba), np.random.default_rng(0)
    rows = np.flatnonzero(data.partition == 1)
    people = np.unique(data.identities[rows])
    chosen = [rng.permutation(rows[data.identities[rows] == who])[:IMAGES] for who in people]
    pictures = (
        Image.fromarray(load_rgb(celeba / "img_align_celeba" / data.names[row])) for row in np.concatenate(chosen)
    )
    crops = [np.asarray(one.resize((178, 218), Image.Resampling.BICUBIC).convert("L")) for one in pictures]
    return np.stack(crops), data.identities[np.concatenate(chosen)].astype(np.int32)


def judge(
    bundle: Bundle, found: tuple[Embedded, dict[str, Embedded]], photos: People, limits: Limits
) -> dict[str, Rates]:
    """The rates of each condition, each half of the people by the table of the other."""
    people = np.array(sorted(person.identity for person in photos["clean"]))
    halves = (people[::2], people[1::2])
    tables = [table_of(bundle, found, half, limits) for half in halves[::-1]]
    return {name: rates_of(presented, halves, tables) for name, presented in photos.items()}


def table_of(
    bundle: Bundle, found: tuple[Embedded, dict[str, Embedded]], people: NDArray[np.int64], limits: Limits
) -> CalibrationTable:
    """The bundle's table with conditions made from these people, for 1 to 3 images."""
    table = read_table(bundle.files, bundle.manifest.embedding_size)
    assert table is not None
    rows = table.rows[:3]
    ordinary, degraded = of_people(found[0], people), {n: of_people(one, people) for n, one in found[1].items()}
    conditions = tuple(conditions_of(ordinary, degraded, rows, limits))
    return CalibrationTable(table.identities, table.comparisons, rows, conditions)


def of_people(embedded: Embedded, people: NDArray[np.int64]) -> Embedded:
    """The embeddings of these people."""
    inside = np.isin(embedded.people, people)
    return Embedded(embedded.x[inside], embedded.people[inside])


def rates_of(
    presented: list[Presented], halves: tuple[NDArray[np.int64], NDArray[np.int64]], tables: list[CalibrationTable]
) -> Rates:
    """The rates of one condition: enrollments of each half against the probes of that half."""
    accepted, same, claimed = [], [], []
    for half, table in zip(halves, tables, strict=True):
        people = [person for person in presented if person.identity in half]
        probes = [(person.identity, x) for person in people for x in person.probes if not isinstance(x, str)]
        for person in people:
            samples = [photo.sample.embedding for photo in person.photos if photo.sample is not None]
            calibrated = look_up(table, len(samples), FAR)
            if not samples or not probes or calibrated is None:
                continue
            score = template(np.stack(samples))
            raised, name = raise_thresholds(calibrated, shown_conditions(table, np.stack(samples), score))
            claimed.append(bool(name))
            accepted.append(score.score(np.stack([x for _, x in probes])) >= raised.chosen.cosine)
            same.append(np.array([who == person.identity for who, _ in probes]))
    if not claimed:
        return Rates(0.0, 0.0, 0, 0.0)
    passed, genuine = np.concatenate(accepted), np.concatenate(same)
    return Rates(
        float(passed[~genuine].mean()),
        float(1 - passed[genuine].mean()),
        int((~genuine).sum()),
        float(np.mean(claimed)),
    )


if __name__ == "__main__":
    main()

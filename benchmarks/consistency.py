"""Two people in one enrollment: how often it is noticed, and how often an enrollment of one person is questioned.

    python benchmarks/consistency.py FACES [--bundle B] [--partition test] [--each 10] [--recogniser R.onnx]

Every identity of the partition is enrolled `--each` times by random photos of its own (questioned wrongly), and as
often with photos of another identity among them (noticed). Photos that the quality check of enrollment refuses take no
part. --recogniser (ArcFace's input convention) leaves out images that it takes for somebody else, whose labels are
probably wrong: below a cosine of 0.25 to the mean of the identity's other images. Intervals are 95 %, by bootstrap over
the identities.
"""

import argparse
from pathlib import Path

import numpy as np
from enrollment_sources import rightly_labelled

from facedge.bundle import read_bundle
from facedge.bundle.cohort import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.dataset.prepared import Faces
from facedge.enrollment.consistency import PersonModel, find_mismatched, fit_model
from facedge.faces.quality import fault, measure
from facedge.metrics.comparisons import one_sided
from facedge.metrics.intervals import DEFAULT_BOOTSTRAP, percentile_interval, resampled_rates
from facedge.runtime.embedder import Embedder
from facedge.types import Float32Array, Int64Array

MIXES = ((1, 1), (2, 1), (3, 1), (5, 2), (5, 5), (9, 1), (19, 1))
UPDATES = ((3, 1), (10, 1), (10, 3))  # photos enrolled, photos added


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--partition", default="test")
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--recogniser", type=Path)
    args = parser.parse_args()
    bundle = read_bundle(args.bundle or pretrained())
    cohort = read_cohort(bundle.files)
    assert cohort is not None, "the bundle needs a cohort"
    model = fit_model(*cohort)
    faces = Faces.open(args.faces)
    rows = faces.indices(args.partition)
    if args.recogniser:
        rows = rightly_labelled(args.recogniser, faces, rows)
    x, ids = photos(Embedder(bundle), faces, rows)
    print(f"{len(x):,} photos of {len(np.unique(ids))} people")
    print("photos  one person questioned    two people noticed       the right photos named")
    for own, other in MIXES:
        print(f"{own:2d} + {other}  {_line(x, ids, model, own, other, args.each, update=False)}", flush=True)
    print("added to an enrolled person")
    for own, other in UPDATES:
        print(f"{own:2d} + {other}  {_line(x, ids, model, own, other, args.each, update=True)}", flush=True)


def photos(embedder: Embedder, faces: Faces, rows: Int64Array) -> tuple[Float32Array, Int64Array]:
    """Embeddings (N, D) and identities (N,) of those of the rows that are good enough to enroll with."""
    rows = np.array([row for row in rows if fault(measure(np.asarray(faces.images[row]), None)) is None])
    parts = [embedder.embed(np.asarray(faces.images[rows[k : k + 512]])) for k in range(0, len(rows), 512)]
    return np.concatenate(parts), faces.identities[rows].astype(np.int64)


def _line(
    x: Float32Array, ids: Int64Array, model: PersonModel, own: int, other: int, each: int, *, update: bool
) -> str:
    """One row of the table; with `update`, `other` photos are added to a person enrolled by `own`."""
    rng, found = np.random.default_rng(own * 100 + other), []
    rows = {who: np.flatnonzero(ids == who) for who in np.unique(ids).tolist()}
    people = [who for who in rows if len(rows[who]) >= own + other]
    for who in np.repeat(people, each).tolist():
        mixed = rng.permutation(rows[who])[: own + other]
        stranger = rng.choice([one for one in people if one != who])
        strangers = rng.permutation(rows[stranger])[:other]
        clean = _judged(model, x[mixed], own, update=update)
        noticed = _judged(model, x[np.concatenate([mixed[:own], strangers])], own, update=update)
        right = set(range(own, own + other)) if own != other or update else set(range(own + other))
        found.append((bool(clean), bool(noticed), set(noticed) == right))
    shares = [_share(np.repeat(people, each), np.array(column)) for column in zip(*found, strict=True)]
    return "  ".join(f"{share:<23}" for share in shares)


def _judged(model: PersonModel, x: Float32Array, own: int, *, update: bool) -> tuple[int, ...]:
    if not update:
        return find_mismatched(model, x)
    return tuple(position + own for position in find_mismatched(model, x[own:], x[:own]))


def _share(people: Int64Array, hits: np.ndarray) -> str:
    who = one_sided(people)
    low, high = percentile_interval(
        resampled_rates(DEFAULT_BOOTSTRAP.draw(who.identities), who, who.counts(hits), who.counts())
    )
    return f"{100 * hits.mean():5.1f} % ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()

"""The printed FAR under conditions: every identity enrolled and probed under the same one, as before one camera.

    python benchmarks/conditions.py CELEBA [--bundle B] [--partition test] [--quick] [--cache FOLDER] [-o FOLDER]

For each condition (turned, squeezed, rolled, infrared look, dark, covered, ...) each identity of the partition is
enrolled by 3 photos and probed by 3 others, all degraded alike, through the package's own path: face search and quality
gates as `facedge enroll` and `facedge verify` apply them. What is refused is never scored. The realised FAR is of what
was scored, at the FAR asked, its 95 % interval by bootstrap over identities; a FAR above twice the asked one is bold.
CelebA's frames are enlarged to 356x436 pixels, as a person near a camera. Repeatable: all randomness comes from --seed.
Writes conditions.json and conditions.md with -o.
"""

import argparse
import json
import pickle
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedge.bundle.resolve import pretrained
from facedge.dataset.celeba import CelebA, read_celeba
from facedge.enrollment.capture import CheckedPhoto, check_photo
from facedge.enrollment.enroll import Base, Enrollment, enroll_checked, open_base
from facedge.errors import InputError
from facedge.faces.crop import find_crop
from facedge.metrics.thresholds import far_at_threshold
from facedge.report.degradations import (
    backlit,
    brightness,
    dark,
    dark_glasses,
    infrared,
    jpeg,
    low_resolution,
    masked,
    motion_blur,
    noisy,
    rotation,
    stretched,
    tight_crop,
    turned,
)
from facedge.runtime.embedder import embed_photo

Photo = NDArray[np.uint8]
Landmarks = NDArray[np.float32]
Condition = Callable[[Photo, Landmarks, np.random.Generator], Photo]
People = dict[int, list[tuple[str, Photo, Landmarks]]]  # (file name, photo, landmarks) of each identity
PHOTO = (356, 436)  # width and height
CELEBA_LANDMARKS = np.array([(137, 222), (216, 222), (174, 268), (140, 303), (208, 303)], np.float32)  # of PHOTO
ENROLLED, PROBES = 3, 3  # photos of each identity
PARTITIONS = {"train": 0, "validation": 1, "test": 2}


def plain(change: Callable[..., Photo], *values: float) -> Condition:
    """A condition of a degradation that needs neither landmarks nor randomness."""
    return lambda photo, _landmarks, _rng: change(photo, *values)


CONDITIONS: dict[str, Condition] = {
    "clean": lambda photo, _landmarks, _rng: photo,
    **{f"turned {degrees}": plain(turned, degrees) for degrees in (90, 180, 270)},
    **{f"width x {factor:g}": plain(stretched, factor) for factor in (0.5, 0.67, 0.75, 0.85, 1.1, 1.2, 1.33, 1.5)},
    **{f"roll {degrees}": plain(rotation, degrees) for degrees in (15, 30, 45, 60)},
    "tight crop": lambda photo, landmarks, _rng: tight_crop(photo, landmarks),
    "infrared look": infrared,
    "dark (x 0.12)": lambda photo, _landmarks, rng: dark(photo, 0.12, rng),
    "backlit (face x 0.3)": lambda photo, landmarks, _rng: backlit(photo, landmarks, 0.3),
    "overexposed (x 2.2)": plain(brightness, 2.2),
    "noise (25 levels)": lambda photo, _landmarks, rng: noisy(photo, 25, rng),
    "motion blur (10 of 178 px)": plain(motion_blur, 10),
    "low resolution (32 px)": plain(low_resolution, 32),
    "JPEG 10": plain(jpeg, 10),
    "mask": masked,
    "dark glasses": lambda photo, landmarks, _rng: dark_glasses(photo, landmarks),
}


@dataclass(frozen=True)
class Presented:
    """One identity before the camera: the photos as enrollment checks them, and probes as verification embeds them.

    A probe is its embedding float32 (D,), or the reason why it was refused.
    """

    identity: int
    photos: tuple[CheckedPhoto, ...]
    probes: tuple[NDArray[np.float32] | str, ...]


@dataclass(frozen=True)
class Row:
    """One condition. Rates of what was scored; shares of what was refused before; intervals are 95 %.

    far                 of the impostor comparisons that were scored, None where there were none
    frr                 of the genuine comparisons that were scored
    photos_refused      share of the photos that enrollment refused, with the commonest faults in `faults`
    enrollments_refused share of the identities that could not be enrolled
    warned              share of the enrollments that came with a warning
    probes_refused      share of the probes that verification refused to score
    """

    condition: str
    identities: int
    enrolled: int
    comparisons: int
    far: float | None
    far_low95: float | None
    far_high95: float | None
    frr: float | None
    photos_refused: float
    faults: dict[str, int]
    enrollments_refused: float
    warned: float
    probes_refused: float
    reasons: dict[str, int]


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("celeba", type=Path, help="CelebA in its official layout, with identities")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--partition", choices=list(PARTITIONS), default="test")
    parser.add_argument("--far", type=float, default=1e-3)
    parser.add_argument("--conditions", nargs="*", default=list(CONDITIONS))
    parser.add_argument("--quick", action="store_true", help="12 identities: whether it runs, no figures")
    parser.add_argument("--cache", type=Path, help="keep embeddings here; only for one version of the package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    base = open_base(args.bundle or pretrained())
    people = draw_photos(read_celeba(args.celeba), PARTITIONS[args.partition], 12 if args.quick else None, args.seed)
    rows = []
    for name in args.conditions:
        make = partial(present, base, people, name, args.seed)
        found = cached(args.cache and args.cache / f"{args.partition}-{name}-{len(people)}-{args.seed}.pickle", make)
        rows.append(measure(base, name, found, args.far))
        print(markdown_row(rows[-1], args.far), flush=True)
    if args.output:
        write(args.output, base, args, rows)


def draw_photos(data: CelebA, partition: int, most: int | None, seed: int) -> People:
    """ENROLLED + PROBES random images of each identity that has as many, by identity."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero((data.partition == partition) & (data.identities >= 0))
    known, counts = np.unique(data.identities[rows], return_counts=True)
    found: People = {}
    for who in known[counts >= ENROLLED + PROBES][:most].tolist():
        chosen = rng.permutation(rows[data.identities[rows] == who])[: ENROLLED + PROBES]
        found[who] = [as_photo(data, data.names[row]) for row in chosen]
    return found


def as_photo(data: CelebA, name: str) -> tuple[str, Photo, Landmarks]:
    """CelebA's image as RGB of PHOTO's size, with its name and landmarks."""
    with Image.open(BytesIO(data.store.read(name))) as image:
        photo = np.asarray(image.convert("RGB").resize(PHOTO, Image.Resampling.BICUBIC))
    landmarks = find_crop(photo, aligned=False).landmarks
    return name, photo, CELEBA_LANDMARKS if landmarks is None else np.array(landmarks, np.float32)


def present(base: Base, people: People, name: str, seed: int) -> list[Presented]:
    """Everybody under one condition, whose randomness depends on the seed and on the photo's name alone."""
    found = []
    for who, photos in people.items():
        degraded = []
        for file, photo, landmarks in photos:
            rng = np.random.default_rng(zlib.crc32(f"{seed} {name} {file}".encode()))
            degraded.append((file, CONDITIONS[name](photo, landmarks, rng)))
        checked = tuple(check_photo(base.embedder, photo, file) for file, photo in degraded[:ENROLLED])
        found.append(Presented(who, checked, tuple(probe(base, photo) for _, photo in degraded[ENROLLED:])))
    return found


def probe(base: Base, photo: Photo) -> NDArray[np.float32] | str:
    """The embedding of a photo that verification scores, or the reason why it does not."""
    found = embed_photo(base.embedder, photo)
    return found.embedding if found.embedding is not None else str(found.reason)


def cached(path: Path | None, make: Callable[[], list[Presented]]) -> list[Presented]:
    """What `make` gives, kept in a file where a path is given."""
    if path is None:
        return make()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(make()))
    found: list[Presented] = pickle.loads(path.read_bytes())
    return found


def enroll_all(base: Base, people: list[Presented], far: float) -> Iterator[tuple[Presented, Enrollment]]:
    """Everybody who can be enrolled."""
    for person in people:
        try:
            yield person, enroll_checked(base, person.photos, far=far)
        except InputError:
            continue


def measure(base: Base, name: str, people: list[Presented], far: float) -> Row:
    """The figures of one condition at the FAR asked."""
    probes = [(who.identity, x) for who in people for x in who.probes if not isinstance(x, str)]
    x = np.stack([embedding for _, embedding in probes]) if probes else np.empty((0, base.embedder.embedding_size))
    ids = np.array([identity for identity, _ in probes], np.int64)
    accepted, pairs, warned, enrolled = [], [], 0, 0
    for person, enrollment in enroll_all(base, people, far):
        enrolled, warned = enrolled + 1, warned + bool(enrollment.warnings)
        accepted.append(accepts(enrollment, x))
        pairs.append(np.stack([np.full(len(ids), person.identity), ids], axis=1))
    passed = np.concatenate(accepted) if accepted else np.empty(0, bool)
    both = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
    same = both[:, 0] == both[:, 1]
    estimate = far_at_threshold(passed[~same], 0.5, identities=both[~same]) if (~same).any() else None
    faults = [photo.fault for who in people for photo in who.photos if photo.fault]
    reasons = [x for who in people for x in who.probes if isinstance(x, str)]
    return Row(
        condition=name,
        identities=len(people),
        enrolled=enrolled,
        comparisons=int((~same).sum()),
        far=estimate and estimate.far,
        far_low95=estimate and estimate.low95,
        far_high95=estimate and estimate.high95,
        frr=float(np.mean(~passed[same])) if same.any() else None,
        photos_refused=len(faults) / (ENROLLED * len(people)),
        faults=counted(faults),
        enrollments_refused=1 - enrolled / len(people),
        warned=warned / max(enrolled, 1),
        probes_refused=len(reasons) / (PROBES * len(people)),
        reasons=counted(reasons),
    )


def accepts(enrollment: Enrollment, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which embeddings (N, D) pass as the person."""
    fitted = enrollment.fitted
    logits = np.clip(fitted.logit.score(embeddings), -80, 80)
    return np.asarray(1 / (1 + np.exp(-logits)) >= fitted.threshold)


def counted(values: list[str]) -> dict[str, int]:
    """How often each value occurs, the commonest first."""
    kinds, counts = np.unique(np.array(values, dtype=str), return_counts=True)
    return {str(kinds[k]): int(counts[k]) for k in np.argsort(-counts, kind="stable")}


HEADER = (
    "| condition | realised FAR (95 %) | FRR of scored | photos refused at enrollment | not enrolled | warned | "
    "probes refused |\n|---|---|---|---|---|---|---|"
)


def markdown_row(row: Row, far: float) -> str:
    """One line of the table; a FAR above twice the asked one is bold."""
    rate = "–"
    if row.far is not None:
        rate = f"{100 * row.far:.2g} % ({100 * (row.far_low95 or 0):.2g} to {100 * (row.far_high95 or 0):.2g})"
        rate = f"**{rate}**" if row.far > 2 * far else rate
    frr = "–" if row.frr is None else f"{100 * row.frr:.1f} %"
    shares = (share_and_causes(row.photos_refused, row.faults), f"{100 * row.enrollments_refused:.1f} %")
    rest = (f"{100 * row.warned:.1f} %", share_and_causes(row.probes_refused, row.reasons))
    return "| " + " | ".join((row.condition, rate, frr, *shares, *rest)) + " |"


def share_and_causes(share: float, causes: dict[str, int]) -> str:
    """The share in per cent, and its commonest cause."""
    cause = f", mostly {next(iter(causes))}" if causes else ""
    return f"{100 * share:.1f} %{cause}"


def write(folder: Path, base: Base, args: argparse.Namespace, rows: list[Row]) -> None:
    """conditions.json and conditions.md."""
    folder.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"bundle": base.bundle.sha256, "partition": args.partition, "far_asked": args.far}
    about |= {"seed": args.seed, "enrolled_photos": ENROLLED, "probes": PROBES}
    record = {**about, "rows": [asdict(row) for row in rows]}
    (folder / "conditions.json").write_text(json.dumps(record, indent=1) + "\n")
    text = (
        f"# Realised FAR under conditions, {100 * args.far:g} % asked\n\n"
        f"Written by `benchmarks/conditions.py`: {rows[0].identities} identities of the {args.partition} partition, "
        f"enrolled by {ENROLLED} photos and probed by {PROBES} others under the same condition; bundle "
        f"`{base.bundle.sha256[:16]}`. Bold: above twice the FAR asked. Rates are of what was scored.\n\n"
    )
    lines = [HEADER, *(markdown_row(row, args.far) for row in rows)]
    (folder / "conditions.md").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""The printed FAR under conditions: every identity enrolled and probed under the same one, as before one camera.

    python benchmarks/conditions.py CELEBA [--bundle B] [--partition test] [--quick] [--cache FOLDER] [-o FOLDER]
                                    [--before conditions.json]

For each condition (turned, squeezed, rolled, infrared look, dark, covered, ...) each identity of the partition is
enrolled by 3 photos and probed by 3 others, all degraded alike, through the package's own path: face search and quality
gates as `facedge enroll` and `facedge verify` apply them. What is refused is never scored. The realised FAR is of what
was scored, at the FAR asked, its 95 % interval by bootstrap over identities; a FAR above twice the asked one is bold.
Where that makes few comparisons, since most photos are refused, the row is measured again with all photos of everybody,
enrolled by three after three and probed by all others. CelebA's frames are enlarged to 356x436 pixels, as a person
near a camera. Repeatable: all randomness comes from --seed.
Writes conditions.json and conditions.md with -o; --before adds the FAR and FRR of another bundle's conditions.json.
"""

import argparse
import dataclasses
import pickle
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
from conditions_table import Row, is_of_few, markdown_row, write
from numpy.typing import NDArray
from PIL import Image

from facedge.bundle.resolve import pretrained
from facedge.dataset.celeba import CelebA, read_celeba
from facedge.dataset.degradations import (
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
from facedge.enrollment.capture import CheckedPhoto, check_photo
from facedge.enrollment.enroll import Base, Enrollment, enroll_checked, open_base
from facedge.errors import InputError
from facedge.faces.crop import find_crop
from facedge.metrics.thresholds import far_at_threshold
from facedge.runtime.embedder import embed_photo

Photo = NDArray[np.uint8]
Landmarks = NDArray[np.float32]
Condition = Callable[[Photo, Landmarks, np.random.Generator], Photo]
Load = Callable[[str], tuple[Photo, Landmarks]]  # file name -> photo and landmarks
People = dict[int, list[str]]  # file names of each identity
Group = tuple[int, list[str], list[str]]  # identity, photos to enroll, probes
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

    A probe is its embedding float32 (D,), or the reason why it was refused; `names` are the probes' file names.
    """

    identity: int
    photos: tuple[CheckedPhoto, ...]
    probes: tuple[NDArray[np.float32] | str, ...]
    names: tuple[str, ...]


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
    parser.add_argument("--before", type=Path, help="conditions.json of another bundle, to stand beside in the table")
    args = parser.parse_args()
    base, data = open_base(args.bundle or pretrained()), read_celeba(args.celeba)
    few = draw_photos(data, PARTITIONS[args.partition], ENROLLED + PROBES, args.seed)
    if args.quick:
        few = dict(list(few.items())[:12])
    load = lru_cache(len(few) * (ENROLLED + PROBES))(partial(as_photo, data))
    rows = []

    def measured(name: str, groups: list[Group], kind: str) -> Row:
        path = args.cache and args.cache / f"{kind}{args.partition}-{name}-{len(few)}-{args.seed}.pickle"
        return measure(base, name, cached(path, partial(present, base, load, groups, name, args.seed)), args.far)

    for name in args.conditions:
        row = measured(name, [(who, names[:ENROLLED], names[ENROLLED:]) for who, names in few.items()], "")
        if not args.quick and is_of_few(row, args.far):
            everything = draw_photos(data, PARTITIONS[args.partition], None, args.seed)
            row = dataclasses.replace(measured(name, all_groups(everything), "all-"), all_photos=True)
        rows.append(row)
        print(markdown_row(row, args.far), flush=True)
    if args.output:
        about = {"bundle": base.bundle.sha256, "partition": args.partition, "far_asked": args.far, "seed": args.seed}
        write(args.output, about | {"enrolled_photos": ENROLLED, "probes": PROBES}, rows, args.before)


def draw_photos(data: CelebA, partition: int, most: int | None, seed: int) -> People:
    """`most` random images, or all, of each identity that has as many as are enrolled and probed, by identity."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero((data.partition == partition) & (data.identities >= 0))
    known, counts = np.unique(data.identities[rows], return_counts=True)
    found: People = {}
    for who in known[counts >= ENROLLED + PROBES].tolist():
        found[who] = [data.names[row] for row in rng.permutation(rows[data.identities[rows] == who])[:most]]
    return found


def all_groups(people: People) -> list[Group]:
    """Everybody enrolled by three photos after three, each of which is a probe for all other enrollments."""
    return [
        (who, names[start : start + ENROLLED], names[start : start + ENROLLED])
        for who, names in people.items()
        for start in range(0, len(names) - ENROLLED + 1, ENROLLED)
    ]


def as_photo(data: CelebA, name: str) -> tuple[Photo, Landmarks]:
    """CelebA's image as RGB of PHOTO's size, with its landmarks."""
    with Image.open(BytesIO(data.store.read(name))) as image:
        photo = np.asarray(image.convert("RGB").resize(PHOTO, Image.Resampling.BICUBIC))
    landmarks = find_crop(photo, aligned=False).landmarks
    return photo, CELEBA_LANDMARKS if landmarks is None else np.array(landmarks, np.float32)


def present(base: Base, load: Load, groups: list[Group], name: str, seed: int) -> list[Presented]:
    """Everybody under one condition, whose randomness depends on the seed and on the photo's name alone."""

    def degraded(file: str) -> Photo:
        return CONDITIONS[name](*load(file), np.random.default_rng(zlib.crc32(f"{seed} {name} {file}".encode())))

    found = []
    for who, enrolled, probes in groups:
        photos = {file: degraded(file) for file in {*enrolled, *probes}}
        checked = tuple(check_photo(base.embedder, photos[file], file) for file in enrolled)
        found.append(Presented(who, checked, tuple(probe(base, photos[file]) for file in probes), tuple(probes)))
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
    probes = [
        (who.identity, file, embedding)
        for who in people
        for file, embedding in zip(who.names, who.probes, strict=True)
        if not isinstance(embedding, str)
    ]
    x = np.stack([embedding for *_, embedding in probes]) if probes else np.empty((0, base.embedder.embedding_size))
    ids, files = np.array([who for who, *_ in probes], np.int64), np.array([file for _, file, _ in probes])
    accepted, pairs, warned, enrolled = [], [], 0, 0
    for person, enrollment in enroll_all(base, people, far):
        enrolled, warned = enrolled + 1, warned + bool(enrollment.warnings)
        others = ~np.isin(files, [photo.source for photo in person.photos])
        accepted.append(accepts(enrollment, x[others]))
        pairs.append(np.stack([np.full(others.sum(), person.identity), ids[others]], axis=1))
    passed = np.concatenate(accepted) if accepted else np.empty(0, bool)
    both = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
    same = both[:, 0] == both[:, 1]
    estimate = far_at_threshold(passed[~same], 0.5, identities=both[~same]) if (~same).any() else None
    faults = [photo.fault for who in people for photo in who.photos if photo.fault]
    reasons = [x for who in people for x in who.probes if isinstance(x, str)]
    return Row(
        condition=name,
        identities=len({who.identity for who in people}),
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
        probes_refused=len(reasons) / sum(len(who.probes) for who in people),
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


if __name__ == "__main__":
    main()

"""The liveness challenge against attacks: how often each is accepted, beside genuine turns.

    python benchmarks/challenge.py CELEBA_DIR [--people 20] [--loops 200] [--rows TEXT ...] [-o FOLDER]

Test identities of CelebA are enrolled with 10 images each; a further image, accepted by the enrollment and straight, is
rendered as a turning head, a photo, a bent photo and so on (tests/support/head_turns.py: in space, with perspective),
moved by hand and filmed with noise at 10 frames a second. Attacks with a known side and those without are told apart;
each is tried as often as the table says. Rendered turns are no people before a camera. Writes challenge.md with -o.
"""

import argparse
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from head_turns import Surface, bent, flat, folded, leaning, printed
from presentations import (
    Picture,
    Subject,
    flip_book,
    genuine,
    held_still,
    mirror_loop,
    photo,
    present,
    replay,
    subject_of,
    swapped,
    two_stills,
)

import facedge
from facedge.bundle.read import read_bundle
from facedge.bundle.resolve import pretrained
from facedge.dataset.celeba import read_celeba
from facedge.errors import InputError
from facedge.faces.pose import yaw
from facedge.imaging import load_rgb
from facedge.live.challenge import Side
from facedge.metrics.intervals import clopper_pearson

ENROLLED = 10
SIDES: tuple[Side, Side] = ("left", "right")
Make = Callable[[Subject, int], Picture]  # (subject, number of the try) -> what is held before the camera


# What photos are laid on, in eye distances (6.3 cm) and degrees, and how much the axis leans about which they turn.
PHOTOS: dict[str, tuple[tuple[Surface, float], ...]] = {
    "flat photo, turned": ((flat(), 0),),
    "flat photo, turned aslant": ((flat(), 45), (flat(), -45)),
    "bent photo": tuple((bent(radius), 0) for radius in (0.8, 1.0, 1.25, 1.6)),
    "photo bent aslant": (
        (bent(1.0, 25), 0),
        (bent(0.8, -45), 0),
        (printed(bent(0.9, 90), longer=1.15), 0),
        (bent(1.0), 20),
    ),
    "folded photo": tuple((folded(degrees), 0) for degrees in (20, 30, 40, 45)),
    "photo folded aslant": ((folded(40, 20), 0), (folded(35, -10), 0), (folded(40), 15), (leaning(folded(40), 15), 0)),
    "photo folded elsewhere": (
        (folded(40, shift=0.2), 0),
        (folded(35, shift=-0.1), 0),
        (folded(45, width=0.5), 0),
        (printed(folded(30, 90), longer=1.15), 0),
    ),
    "printed wider, then bent": tuple(
        (printed(bent(radius), wider), 0) for radius, wider in ((0.8, 1.25), (1.0, 1.15), (1.25, 1.12), (1.6, 1.1))
    ),
    "printed wider, then folded": (
        (printed(folded(30), 1.2), 0),
        (printed(folded(40), 1.3), 0),
        (printed(folded(35, 20), 1.2), 0),
        (printed(folded(45, width=0.5), 1.25), 0),
    ),
}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("celeba", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--loops", type=int, default=200)
    parser.add_argument("--rows", nargs="*", default=[""], help="only the rows whose names contain one of these")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    people = list(celeba_people(args.celeba, args.people))
    print(f"{len(people)} people")
    presented = rows_for(people)
    rng = np.random.default_rng(5)
    presented["photo and mirror image, loops"] = (lambda s, _: mirror_loop(s, rng), args.loops)
    rows = []
    for name, (make, times) in presented.items():
        if any(text in name for text in args.rows):
            rows.append(present_all(name, people, make, times))
            print(markdown(rows[-1]), flush=True)
    if args.output:
        write(args.output, len(people), rows)


def rows_for(people: list[Subject]) -> dict[str, tuple[Make, int]]:
    """What is presented, by its name, and how often in all."""
    strangers = people[1:] + people[:1]
    rng = np.random.default_rng(5)
    found: dict[str, tuple[Make, int]] = {
        "genuine turn": (lambda s, k: genuine(s, (25, 40, 60)[k // 2 % 3]), 6 * len(people))
    }
    each = 4 * len(people)
    for name, laid in PHOTOS.items():
        found[name] = (photos_on(name, laid), each)
    return found | {
        "one photo, still": (lambda s, _: held_still(s), each),
        "two stills": (lambda s, _: two_stills(s), each),
        "stranger turns between stills": (lambda s, _: swapped(s, strangers[people.index(s)]), each),
        "flip book of 6 stills": (lambda s, _: flip_book(s, 6), each),
        "replayed video, side unknown": (lambda s, _: replay(s, rng), each),
    }


def photos_on(name: str, laid: tuple[tuple[Surface, float], ...]) -> Make:
    """Photos laid on one surface after the other."""

    def make(subject: Subject, number: int) -> Picture:
        surface, tilt = laid[number % len(laid)]
        return photo(subject, f"{name} {number % len(laid)}", surface, tilt)

    return make


@dataclass(frozen=True)
class Presentations:
    """How often one kind was presented and accepted, and the causes of the rest."""

    name: str
    times: int
    accepted: int
    causes: dict[str, int]


def present_all(name: str, people: list[Subject], make: Make, times: int) -> Presentations:
    """Present something `times` times, to one side and the other."""
    found: Counter[str] = Counter()
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for number in range(times):
        subject, again = people[number % len(people)], number // len(people)
        found[present(subject, make(subject, again), side=SIDES[again % len(SIDES)], rng=rng)] += 1
    return Presentations(name, times, found.pop("accept", 0), dict(found.most_common()))


def markdown(row: Presentations) -> str:
    """One line of the table."""
    low, high = clopper_pearson(row.accepted, row.times)
    causes = ", ".join(f"{count} {cause.replace('_', ' ')}" for cause, count in row.causes.items())
    share = f"{100 * row.accepted / row.times:.0f} % ({100 * low:.1f} to {100 * high:.1f})"
    return f"| {row.name} | {row.accepted} of {row.times} | {share} | {causes} |"


def write(folder: Path, people: int, rows: list[Presentations]) -> None:
    """challenge.md."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        f"# The liveness challenge against presentation attacks\n\nWritten by `benchmarks/challenge.py`: {people} test "
        f"people, rendered; bundle `{read_bundle(pretrained()).sha256[:16]}`. It raises the effort of an attack with "
        "printed photos; it is no proof of liveness, and nothing against a video of the person.\n\n"
        "| presented | accepted | share (95 %) | why not the others |\n| --- | --- | --- | --- |\n"
    )
    (folder / "challenge.md").write_text(text + "\n".join(map(markdown, rows)) + "\n")


def celeba_people(folder: Path, most: int) -> Iterator[Subject]:
    """Test identities, each with a straight image that the enrollment by ten others accepts."""
    celeba, place = read_celeba(folder), folder / "img_align_celeba"
    found = 0
    for person in np.unique(celeba.identities[celeba.partition == 2]):
        names = [str(place / celeba.names[k]) for k in np.flatnonzero(celeba.identities == person)]
        if len(names) < 2 * ENROLLED or found == most:
            continue
        try:
            verifier = facedge.enroll(names[:ENROLLED]).verifier
        except InputError:  # photos with a wrong label
            continue
        for path in names[ENROLLED:]:
            image = load_rgb(path)
            subject = subject_of(verifier, image) if image.shape[0] > 200 else None
            if subject is not None and abs(yaw(subject.points)) < 0.06 and verifier.verify(subject.head(0)).accepted:
                found += 1
                yield subject
                break


if __name__ == "__main__":
    main()

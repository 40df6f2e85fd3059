"""The liveness challenge against attacks: how often each is accepted, beside genuine turns.

    python benchmarks/challenge.py CELEBA_DIR [--video FILE] [--people 20] [--loops 200]

Test identities of CelebA are enrolled with 10 images each; a further image, accepted by the enrollment and nearly
straight, is rendered as a turning head, a photo, a bent photo and so on (tests/support/head_turns.py), moved by hand
and filmed with noise at 15 frames a second. With --video, of one person, that person is enrolled from the first four
seconds, and ten frames of the rest are turned to the side that they show. Attacks with a known side and those without
are told apart; each is tried as often as the table says. Rendered turns are no people before a camera.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from presentations import (
    Picture,
    Subject,
    bent_photo,
    flat_photo,
    flip_book,
    folded_photo,
    genuine,
    held_still,
    mirror_loop,
    present,
    replay,
    subject_of,
    swapped,
    tilted_photo,
    two_stills,
)

import facedge
from facedge.camera.streams import open_camera
from facedge.dataset.celeba import read_celeba
from facedge.faces.pose import yaw
from facedge.imaging import load_rgb
from facedge.live.challenge import Side
from facedge.metrics.intervals import clopper_pearson
from facedge.runtime.verifier import Verifier
from facedge.types import UInt8Array

ENROLLED = 10
SIDES: tuple[Side, Side] = ("left", "right")
Make = Callable[[Subject, int], Picture]  # (subject, number of the try) -> what is held before the camera


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("celeba", type=Path)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--loops", type=int, default=200)
    args = parser.parse_args()
    rng = np.random.default_rng(5)
    people = list(celeba_people(args.celeba, args.people))
    print(f"{len(people)} people")
    row("genuine turn", people, lambda s, k: genuine(s, (25, 40, 60)[k // 2 % 3]), 6 * len(people), rng)
    if args.video:
        row("genuine turn, video", video_people(args.video), lambda s, _: genuine(s), 10, rng, sides=("left",))
    strangers = people[1:] + people[:1]
    attacks: dict[str, Make] = {
        "one photo, still": lambda s, _: held_still(s),
        "flat photo, turned": lambda s, _: flat_photo(s),
        "flat photo, tilted": lambda s, _: tilted_photo(s),
        "bent photo, turned": lambda s, k: bent_photo(s, (0.8, 1.0, 1.25, 1.6)[k % 4]),
        "folded photo, turned": lambda s, k: folded_photo(s, (20, 30, 40, 45)[k % 4]),
        "two stills": lambda s, _: two_stills(s),
        "stranger turns between stills": lambda s, _: swapped(s, strangers[people.index(s)]),
        "flip book of 6 stills": lambda s, _: flip_book(s, 6),
        "replayed video, side unknown": lambda s, _: replay(s, rng),
    }
    row("photo and mirror image, loops", people, lambda s, _: mirror_loop(s, rng), args.loops, rng)
    for name, make in attacks.items():
        row(name, people, make, 4 * len(people), rng)


def row(
    name: str,
    people: list[Subject],
    make: Make,
    times: int,
    rng: np.random.Generator,
    sides: tuple[Side, ...] = SIDES,
) -> None:
    """Present something `times` times, and print how often it was accepted and why it was not."""
    found: Counter[str] = Counter()
    for number in range(times):
        subject = people[number % len(people)]
        side = sides[number // len(people) % len(sides)]
        found[present(subject, make(subject, number // len(people)), side=side, rng=rng)] += 1
    accepted = found.pop("accept", 0)
    low, high = clopper_pearson(accepted, times)
    why = ", ".join(f"{count} {reason}" for reason, count in found.most_common())
    print(f"{name:30} {accepted:4d} of {times:4d} ({100 * low:.1f} to {100 * high:.1f} %)  {why}", flush=True)


def celeba_people(folder: Path, most: int) -> Iterator[Subject]:
    """Test identities, each with a straight image that the enrollment by ten others accepts."""
    celeba, place = read_celeba(folder), folder / "img_align_celeba"
    found = 0
    for person in np.unique(celeba.identities[celeba.partition == 2]):
        names = [str(place / celeba.names[k]) for k in np.flatnonzero(celeba.identities == person)]
        if len(names) < 2 * ENROLLED or found == most:
            continue
        verifier = facedge.enroll(names[:ENROLLED]).verifier
        for path in names[ENROLLED:]:
            image = load_rgb(path)
            subject = subject_of(verifier, image) if image.shape[0] > 200 else None
            if subject is not None and abs(yaw(subject.points)) < 0.08 and verifier.verify(subject.head(0)).accepted:
                found += 1
                yield subject
                break


def video_people(video: Path) -> list[Subject]:
    """Ten frames of one person's video, who is enrolled from the frames of its first four seconds."""
    first: list[UInt8Array] = []
    with open_camera(f"{video}#t=0,4") as camera:
        while (frame := camera.next()) is not None:
            first += [frame.image] if frame.number % 10 == 0 else []
    verifier: Verifier = facedge.enroll(first).verifier
    found = []
    with open_camera(f"{video}#t=4") as camera:
        while (frame := camera.next()) is not None:
            subject = subject_of(verifier, frame.image) if frame.number % 24 == 0 else None
            found += [subject] if subject is not None else []
    return found[:10]


if __name__ == "__main__":
    main()

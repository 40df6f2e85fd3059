"""The FAR among people of one listed group of LFW, beside other people of LFW: everybody enrolled by one photo.

    python benchmarks/name_groups.py LFW_FOLDER [--names FILE] [--others 300] [-o FOLDER]

LFW has no labels of origin, so a group is a list of its people by their names (one folder name a line; by default
benchmarks/lfw_east_asian_names.txt, chosen by family names, which is a guess at origin and no more). Of each person up
to four photos count; the first usable one enrolls at a FAR of 0.1 %, and the photos of everybody else in the group are
the impostors. Intervals are 95 %, by bootstrap over people. The cohort of the shipped bundle holds LFW's development
images too, so that these people took part in setting the thresholds. Writes name_groups.md with -o.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conditions import accepts

from facedge.bundle.resolve import pretrained
from facedge.enrollment.capture import CheckedPhoto, check_photo
from facedge.enrollment.enroll import Base, enroll_checked, open_base
from facedge.errors import InputError
from facedge.metrics.intervals import clopper_pearson
from facedge.metrics.thresholds import FarEstimate, far_at_threshold

NAMES = Path(__file__).with_name("lfw_east_asian_names.txt")
MOST_PHOTOS = 4
FAR = 1e-3
Photos = dict[str, list[CheckedPhoto]]  # usable photos of each person


@dataclass(frozen=True)
class Group:
    """What was measured of one group."""

    name: str
    people: int
    comparisons: int
    far: FarEstimate
    refused: int
    genuine: int


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lfw", type=Path, help="LFW's folder, with a folder for each person")
    parser.add_argument("--names", type=Path, default=NAMES)
    parser.add_argument("--others", type=int, default=300)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    listed = [line for line in args.names.read_text().splitlines() if line and not line.startswith("#")]
    there = sorted(path.name for path in args.lfw.iterdir() if path.is_dir())
    if not set(listed) & set(there):
        parser.error(f"{args.lfw} has no folder of anybody in {args.names.name}: give the folder of LFW's people")
    rest = [name for name in there if name not in listed]
    others = np.random.default_rng(0).permutation(rest)[: args.others].tolist()
    base = open_base(pretrained())
    groups = [
        measure(base, name, usable(base, args.lfw, names))
        for name, names in ((args.names.stem.replace("_", " "), listed), ("other people", others))
    ]
    lines = [
        "| people of LFW, among themselves | people | impostors | FAR (95 %) | own photos refused (95 %) |",
        "| --- | --- | --- | --- | --- |",
        *map(markdown, groups),
    ]
    print("\n".join(lines))
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        about = f"Written by `benchmarks/name_groups.py`, which says how; bundle `{base.bundle.sha256[:16]}`."
        (args.output / "name_groups.md").write_text(
            f"# FAR among people of one group, {100 * FAR:g} % asked\n\n{about}\n\n" + "\n".join(lines) + "\n"
        )


def usable(base: Base, folder: Path, names: list[str]) -> Photos:
    """The photos of these people that enrollment takes."""
    found: Photos = {}
    for name in names:
        paths = sorted((folder / name).glob("*.jpg"))[:MOST_PHOTOS]
        checked = [check_photo(base.embedder, path, str(path)) for path in paths]
        good = [photo for photo in checked if photo.sample is not None]
        if good:
            found[name] = good
    return found


def measure(base: Base, name: str, people: Photos) -> Group:
    """Everybody enrolled by their first photo, against all other photos."""
    who = np.repeat(np.arange(len(people)), [len(photos) for photos in people.values()])
    samples = [photo.sample for photos in people.values() for photo in photos]
    x = np.stack([sample.embedding for sample in samples if sample is not None])
    passed, pairs, refused, genuine = [], [], 0, 0
    for number, photos in enumerate(people.values()):
        try:
            enrollment = enroll_checked(base, photos[:1], far=FAR)
        except InputError:
            continue
        accepted, own = accepts(enrollment, x), who == number
        passed.append(accepted[~own])
        pairs.append(np.stack([np.full((~own).sum(), number), who[~own]], axis=1))
        genuine += len(photos) - 1
        refused += int((~accepted[own][1:]).sum())
    estimate = far_at_threshold(np.concatenate(passed).astype(float), 0.5, identities=np.concatenate(pairs))
    return Group(name, len(people), len(np.concatenate(passed)), estimate, refused, genuine)


def markdown(group: Group) -> str:
    """One line of the table."""
    far = f"{100 * group.far.far:.2g} % ({100 * group.far.low95:.2g} to {100 * group.far.high95:.2g})"
    low, high = clopper_pearson(group.refused, group.genuine)
    frr = f"{100 * group.refused / group.genuine:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    return f"| {group.name} | {group.people} | {group.comparisons:,} | {far} | {frr} |"


if __name__ == "__main__":
    main()

"""What the plausibility rules refuse: CelebA's pictures turned, squeezed and tilted, and as they are.

    python benchmarks/plausible.py CELEBA [--partition test] [--people 90] [-o FOLDER]

Five photos of each person, each searched as a camera's frame is (not turned by the search). For each condition: the
share of photos by reason, and the share of people whose median stretch is refused, or warned of, as an enrollment
would. For photos that may be turned, the share of crops that come out. Writes plausible.json with -o.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facedge.dataset.celeba import CelebA, read_celeba
from facedge.faces.crop import FaceCrop, find_crop
from facedge.faces.options import FaceOptions
from facedge.faces.plausible import DOUBT, REFUSAL, median_stretch, squeeze_fault

Photo = NDArray[np.uint8]
PARTITIONS = {"train": 0, "validation": 1, "test": 2}
PHOTOS = 5  # of each person
FRAME = FaceOptions(turn=False)
BORDER = 60  # pixels of repeated border around a photo that is tilted


def widened(photo: Photo, factor: float) -> Photo:
    """The photo resized to `factor` of its width."""
    size = (round(photo.shape[1] * factor), photo.shape[0])
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))


def tilted(photo: Photo, degrees: float) -> Photo:
    """The photo turned about its middle."""
    wide = np.pad(photo, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")
    return np.asarray(Image.fromarray(wide).rotate(degrees, Image.Resampling.BICUBIC))


def clockwise(photo: Photo, degrees: int) -> Photo:
    """The photo turned by quarter turns."""
    return np.ascontiguousarray(np.rot90(photo, -degrees // 90))


CONDITIONS: dict[str, Callable[[Photo], Photo]] = {
    "as it is": lambda photo: photo,
    **{f"turned {degrees}": lambda photo, d=degrees: clockwise(photo, d) for degrees in (90, 180, 270)},
    **{
        f"width x {f:g}": lambda photo, f=f: widened(photo, f)
        for f in (0.5, 0.67, 0.75, 0.85, 1.1, 1.2, 1.33, 1.5, 2.0)
    },
    **{f"tilted {degrees}": lambda photo, d=degrees: tilted(photo, d) for degrees in (15, 30, 45, 60)},
}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("celeba", type=Path, help="CelebA in its official layout, with identities")
    parser.add_argument("--partition", choices=list(PARTITIONS), default="test")
    parser.add_argument("--people", type=int, default=90)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    people = draw_photos(read_celeba(args.celeba), PARTITIONS[args.partition], args.people)
    rows = []
    for name, change in CONDITIONS.items():
        rows.append({"condition": name, **measure(people, change)})
        print(json.dumps(rows[-1]), flush=True)
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / "plausible.json").write_text(json.dumps(rows, indent=1) + "\n")


def draw_photos(data: CelebA, partition: int, most: int) -> list[list[Photo]]:
    """PHOTOS images of each identity of the partition that has as many at full scale."""
    rows = np.flatnonzero((data.partition == partition) & (data.identities >= 0))
    found = []
    for who in np.unique(data.identities[rows]).tolist():
        photos = [load(data, data.names[row]) for row in rows[data.identities[rows] == who]]
        full = [photo for photo in photos if photo.shape[0] == 218]  # half-scale images were blurred already
        if len(full) >= PHOTOS:
            found.append(full[:PHOTOS])
        if len(found) == most:
            break
    return found


def load(data: CelebA, name: str) -> Photo:
    """One image as RGB."""
    with Image.open(BytesIO(data.store.read(name))) as image:
        return np.asarray(image.convert("RGB"))


def measure(people: list[list[Photo]], change: Callable[[Photo], Photo]) -> dict[str, Any]:
    """Shares of photos by reason ("" is none), of people by what the median says, of photos that are turned upright."""
    found = [[find_crop(change(photo), FRAME, aligned=False) for photo in photos] for photos in people]
    turned = [find_crop(change(photo), aligned=False).reason is None for photos in people for photo in photos]
    reasons = Counter(one.reason or "" for photos in found for one in photos)
    medians = [median_stretch(one.stretch for one in photos if measured(one)) for photos in found]
    return {
        "photos": len(turned),
        "reasons": {reason: round(count / len(turned), 4) for reason, count in reasons.most_common()},
        "people": len(people),
        "refused_by_median": float(np.mean([bool(squeeze_fault(m, REFUSAL)) for m in medians])),
        "warned_by_median": float(np.mean([bool(squeeze_fault(m, DOUBT)) for m in medians])),
        "found_when_turned": round(float(np.mean(turned)), 4),
    }


def measured(found: FaceCrop) -> bool:
    """Whether the photo's stretch counts, as in an enrollment."""
    return found.stretch is not None and found.reason in (None, "distorted")


if __name__ == "__main__":
    main()

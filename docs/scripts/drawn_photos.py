"""Photos of people that facedge draws, for the documentation, the examples and their tests.

python docs/scripts/drawn_photos.py FOLDER

writes what the pages of docs/ work with: photos/ana and photos/ben, a new photo of each, one of somebody else, one of
two people, and a short video. The same files every time, so that the output printed in the pages can be made again.
"""

import io
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from facedge.demo.synthetic_dataset import synthetic_face
from facedge.types import UInt8Array

SEED = 5
ANA, BEN, STRANGER = 22, 27, 12  # of these the shipped bundle warns of nothing, and takes none for another
ENROLLED = {ANA: (1, 2, 3, 4, 8, 9), BEN: (0, 1, 2, 3, 4, 9)}  # shots of which none passes for a copy of another
NEW, BESIDE, FILMED = 6, 7, 5  # shots that are not enrolled: of photo.jpg, two.jpg and the video
FACE = (392, 480)  # pixels, drawn at 178x218
MARGIN = 124  # pixels of background at both sides


def photo(identity: int, shot: int) -> UInt8Array:
    """A drawn person before a plain background, uint8 (480, 640, 3) RGB."""
    jpeg, _ = synthetic_face(SEED, identity, shot)
    with Image.open(io.BytesIO(jpeg)) as drawn:
        face = drawn.convert("RGB").resize(FACE, Image.Resampling.BICUBIC)
    return np.pad(np.asarray(face), ((0, 0), (MARGIN, MARGIN), (0, 0)), mode="edge")


def write_photos(folder: Path) -> Path:
    """Write the photos under `folder`, and return it."""
    for name, identity in (("ana", ANA), ("ben", BEN)):
        for number, shot in enumerate(ENROLLED[identity], start=1):
            _save(folder / "photos" / name / f"{number}.jpg", photo(identity, shot))
    _save(folder / "photo.jpg", photo(ANA, NEW))
    _save(folder / "ben.jpg", photo(BEN, NEW))
    _save(folder / "stranger.jpg", photo(STRANGER, 0))
    _save(folder / "two.jpg", beside(photo(ANA, BESIDE), photo(STRANGER, 1)))
    return folder


def beside(near: UInt8Array, far: UInt8Array) -> UInt8Array:
    """Two people in one picture, the second one smaller."""
    height, width = far.shape[0] * 2 // 3, far.shape[1] * 2 // 3
    small = np.asarray(Image.fromarray(far).resize((width, height), Image.Resampling.BICUBIC))
    padded = np.pad(small, ((near.shape[0] - height, 0), (0, 0), (0, 0)), mode="edge")
    return np.concatenate([near, padded], axis=1)


def write_video(path: Path, identity: int = ANA, seconds: float = 4.0) -> Path:
    """A video of a drawn person who moves a little, 25 frames a second; needs OpenCV."""
    import cv2

    picture = photo(identity, FILMED)
    height, width = picture.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (width, height))
    for turn in np.linspace(0, 2 * np.pi, int(25 * seconds), endpoint=False):
        move = cv2.getRotationMatrix2D((width / 2, height / 2), 2.5 * np.sin(turn), 1 + 0.02 * np.sin(2 * turn))
        move[:, 2] += [8 * np.sin(turn), 4 * np.cos(2 * turn)]
        frame = cv2.warpAffine(picture, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    writer.release()
    return path


def _save(path: Path, image: UInt8Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=92)


def main(arguments: Sequence[str]) -> int:
    """Write photos and video into the folder named on the command line; 2 where none is named."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python docs/scripts/drawn_photos.py FOLDER", file=sys.stderr)
        return 2
    folder = write_photos(Path(arguments[0]))
    if find_spec("cv2"):
        write_video(folder / "clip.avi")
        print(f"drew photos and a video into {folder}")
    else:
        print(f"drew photos into {folder}, and no video, which needs pip install 'facedge[camera]'")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

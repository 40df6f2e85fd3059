"""What the network's input is: the one definition that training, bundles and every engine share.

All geometry is integer, in 1/256 pixel, so that C, numpy, JavaScript and an ONNX graph agree on every bit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from facedge.errors import InputError

ALGORITHM = 1  # of reference.py; a change of any output bit is a new number, and so a new digest
FRAME_WIDTH = 178  # CelebA's aligned and cropped images, in pixels
FRAME_HEIGHT = 218
LANDMARKS = (  # (x, y) in that frame: the eye on the left of the image, the other eye, nose tip, mouth corners
    (68.4, 111.2),
    (107.8, 111.2),
    (86.8, 134.2),
    (70.0, 151.7),
    (104.0, 151.7),
)
FRACTION = 256  # units of a pixel in which boxes are written
LUMA = (19595, 38470, 7471)  # ITU-R BT.601 luma of R, G, B, of 65536
MIN_SIZE, MAX_SIZE = 8, 512

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class PreprocessSpec:
    """An aligned face image -> the network's input: float32 (1, size, size), grey, in -1..1.

    Attributes:
        size: pixels on a side of the output, 8 to 512.
        crop: x0, y0, x1, y1 of the part of the 178x218 frame that is kept, in 1/256 pixel.
    """

    size: int = 64
    crop: Box = (24 * FRACTION, 60 * FRACTION, 152 * FRACTION, 188 * FRACTION)

    def __post_init__(self) -> None:
        whole = [self.size, *self.crop]
        if len(whole) != 5 or any(isinstance(v, bool) or not isinstance(v, int) for v in whole):
            raise InputError(
                f"a spec is one integer size and four integer corners, not {self.size!r} and {self.crop!r}"
            )
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise InputError(f"the size of a spec lies in {MIN_SIZE} to {MAX_SIZE} pixels, not {self.size}")
        x0, y0, x1, y1 = self.crop
        if not (0 <= x0 < x1 <= FRAME_WIDTH * FRACTION and 0 <= y0 < y1 <= FRAME_HEIGHT * FRACTION):
            raise InputError(
                f"the crop of a spec is x0 < x1, y0 < y1 inside the {FRAME_WIDTH}x{FRAME_HEIGHT} frame "
                f"in 1/{FRACTION} pixel, not {self.crop}"
            )

    def box_for(self, height: int, width: int) -> Box:
        """The crop on an aligned image of height x width pixels, in 1/256 pixel of that image.

        Corners scale with the image and round half up, in integers: (2 c n + N) // (2 N).
        """
        x0, y0, x1, y1 = self.crop
        return (
            _scale(x0, width, FRAME_WIDTH),
            _scale(y0, height, FRAME_HEIGHT),
            _scale(x1, width, FRAME_WIDTH),
            _scale(y1, height, FRAME_HEIGHT),
        )

    @property
    def digest(self) -> str:
        """sha256 (hex) of the canonical JSON of this spec and its algorithm: equal digests, equal bits."""
        import hashlib  # here, as most who preprocess never ask for a digest

        return hashlib.sha256(_canonical(self.to_dict()).encode("ascii")).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON types, with the constants that its meaning rests on."""
        return {
            "algorithm": ALGORITHM,
            "frame": [FRAME_WIDTH, FRAME_HEIGHT],
            "fraction": FRACTION,
            "luma": list(LUMA),
            **{key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PreprocessSpec:
        """The inverse of to_dict(); InputError for a spec that this version does not implement."""
        try:
            spec = cls(size=data["size"], crop=tuple(data["crop"]))
        except (KeyError, TypeError) as problem:
            raise InputError(f"a preprocessing spec has size and crop, this one is {data!r}") from problem
        if _canonical(spec.to_dict()) != _canonical(data):
            raise InputError(
                f"this facedge implements preprocessing algorithm {ALGORITHM}, not {data!r}: "
                "use the facedge that made it, or export the model again"
            )
        return spec


def _canonical(data: dict[str, Any]) -> str:
    """Keys sorted, no spaces, ASCII; so 256.0 is another text than 256."""
    import json  # here, as most who preprocess never ask for a digest

    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _scale(corner: int, pixels: int, frame: int) -> int:
    return (2 * corner * pixels + frame) // (2 * frame)

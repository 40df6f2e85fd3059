"""Aligned faces as they come out of pictures taken under one condition.

Training fits numbers of the embedding to them, and the calibration table of a bundle holds what they ask of thresholds.

Each condition degrades a crop as facedge/dataset/degradations.py degrades a photo. Where that moves the face, the crop
is aligned again by the moved landmarks, as the face search would: a squeezed face then fills the frame differently, and
beyond a photo's edge the border is repeated. What enrollment refuses (too bright, too blurred) takes no part.
"""

from collections.abc import Callable

import numpy as np

from facedge.dataset.degradations import (
    MASK_GREYS,
    backlit,
    brightness,
    cloth,
    dark_glasses,
    infrared,
    low_resolution,
    motion_blur,
    stretched,
    tight_box,
    tight_crop,
)
from facedge.faces.align import TARGET, align
from facedge.faces.quality import fault, measure
from facedge.types import Float32Array, Int64Array, UInt8Array

LANDMARKS = TARGET.astype(np.float32)  # of every aligned crop (218, 178)
MASKS = dict(zip(("white", "pale blue", "black"), MASK_GREYS, strict=True))
Degrade = Callable[[UInt8Array, np.random.Generator], UInt8Array]


def _squeezed(factor: float) -> Degrade:
    return lambda crop, _: _aligned(stretched(crop, factor), LANDMARKS * np.array([factor, 1], np.float32))


def _covered(grey: int) -> Degrade:
    return lambda crop, _: cloth(crop, LANDMARKS, grey)


def _tight(crop: UInt8Array, _: np.random.Generator) -> UInt8Array:
    return _aligned(tight_crop(crop, LANDMARKS), LANDMARKS - tight_box(LANDMARKS, crop.shape)[:2])


def _aligned(crop: UInt8Array, landmarks: Float32Array) -> UInt8Array:
    return align(np.ascontiguousarray(crop), landmarks)


# As they are called in a warning ("these photos show ..."), and what they do to an aligned crop. Those of
# benchmarks/conditions.py that raise the FAR; what is refused before (the dark) or does not raise it (noise, JPEG,
# tilted heads) is left out.
CONDITIONS: dict[str, Degrade] = {
    "dark glasses": lambda crop, _: dark_glasses(crop, LANDMARKS),
    **{f"mouths and noses covered in {name}": _covered(grey) for name, grey in MASKS.items()},
    "faces against the light": lambda crop, _: backlit(crop, LANDMARKS, 0.3),
    "faces in the shade": lambda crop, _: backlit(crop, LANDMARKS, 0.5),
    "faces lit by infrared": lambda crop, rng: infrared(crop, LANDMARKS, rng),
    "overexposed faces": lambda crop, _: brightness(crop, 2.2),
    "motion blur": lambda crop, _: motion_blur(crop, 10),
    "a low resolution": lambda crop, _: low_resolution(crop, 32),
    "faces cut at their edges": _tight,
    **{f"faces narrowed to {factor:g} of their width": _squeezed(factor) for factor in (0.67, 0.75, 0.85)},
    **{f"faces widened to {factor:g} of their width": _squeezed(factor) for factor in (1.2, 1.33)},
}


def under_condition(crops: UInt8Array, name: str, seed: int = 0) -> tuple[list[UInt8Array], Int64Array]:
    """Aligned crops uint8 (N, 218, 178, 3) or (N, 218, 178) under a condition.

    Returns those that enrollment would not refuse, and their positions among the crops, int64.
    """
    degrade, rng = CONDITIONS[name], np.random.default_rng(seed)
    degraded = [degrade(np.ascontiguousarray(crop), rng) for crop in crops]
    kept = [index for index, crop in enumerate(degraded) if fault(measure(crop, None)) is None]
    return [degraded[index] for index in kept], np.array(kept, np.int64)

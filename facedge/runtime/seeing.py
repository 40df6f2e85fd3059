"""A photo -> the face in it, its embedding and attributes. Who it is, the head decides elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.errors import InputError
from facedge.runtime.decision import STAGES, Reason
from facedge.runtime.embedder import Embedder, Floats
from facedge.runtime.locate import Located, locate
from facedge.runtime.quality import too_poor

if TYPE_CHECKING:
    from facedge.detection import Policy

Photo = str | Path | bytes | NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """What the backbone saw in one photo.

    embedding   float32 (D,), None exactly where there is a `reason`
    attributes  probability by name, empty like `embedding`
    ms          milliseconds by stage, all of decision.STAGES
    """

    located: Located
    embedding: Floats | None
    attributes: dict[str, float]
    reason: Reason | None
    ms: dict[str, float]


def see(
    embedder: Embedder,
    photo: Photo,
    *,
    faces: "Policy" = "largest",
    aligned: bool | None = None,
    min_face: float | None = None,
) -> Seen:
    """Find the face in a photo and embed it.

    photo    a path, the bytes of an image file, or uint8 RGB (H, W, 3) or grey (H, W)
    faces    which face of several counts: "largest", "center", or "only" to refuse several
    aligned  True: the photo is a crop in CelebA geometry; False: find the face in it; None: 178x218 and 89x109
             pixels count as aligned
    min_face the smallest face to look for, as in facedge.detect; None takes its default

    Raises ImageError when the photo cannot be read, MissingDependencyError when it needs a detector and there is none.
    """
    clock = perf_counter()
    image = read_photo(photo)
    decode_ms = _since(clock)
    return see_located(embedder, locate(image, faces=faces, aligned=aligned, min_face=min_face), decode_ms=decode_ms)


def see_located(embedder: Embedder, found: Located, *, decode_ms: float = 0.0) -> Seen:
    """Embed a face that was located already. decode_ms: what reading its photo took."""
    ms = dict.fromkeys(STAGES, 0.0) | {"decode": decode_ms, "detect": found.detect_ms, "align": found.align_ms}
    if found.crop is None:
        return Seen(found, None, {}, found.reason, ms)
    clock = perf_counter()
    tensor = embedder.prepare(found.crop[None])
    ms["preprocess"] = _since(clock)
    if too_poor(tensor):
        return Seen(found, None, {}, "low_quality", ms)
    clock = perf_counter()
    embedding, attributes = embedder.infer(tensor)
    ms["infer"] = _since(clock)
    if not np.isfinite(embedding).all() or not np.isfinite(attributes).all():
        return Seen(found, None, {}, "low_quality", ms)
    named = dict(zip(embedder.attribute_names, (float(p) for p in attributes[0]), strict=True))
    return Seen(found, embedding[0], named, None, ms)


def read_photo(photo: Photo) -> NDArray[np.uint8]:
    """A photo as uint8 RGB (H, W, 3) or grey (H, W); InputError for an array that is neither."""
    if isinstance(photo, str | Path | bytes):
        from facedge.imaging import load_rgb  # late: arrays need no Pillow

        return load_rgb(photo)
    image = np.asarray(photo)
    shaped = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not shaped or 0 in image.shape:
        raise InputError(f"photo: expected uint8 RGB (H, W, 3) or grey (H, W), got {image.dtype} {image.shape}")
    return image


def _since(clock: float) -> float:
    return 1000 * (perf_counter() - clock)

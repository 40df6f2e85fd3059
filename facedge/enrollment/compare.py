"""Comparing two photos with nobody enrolled: the public `facedge.compare`.

One photo is enrolled and the other verified, at the threshold that people of the bundle's cohort give when each of them
is enrolled with one photo. The score depends on the cosine of the two embeddings only, so their order does not matter.
"""

from pathlib import Path

import numpy as np

from facedge.bundle import Bundle, read_bundle
from facedge.bundle.resolve import resolve_bundle
from facedge.enrollment.calibration import as_score
from facedge.enrollment.capture import Photo
from facedge.enrollment.fit import calibrate
from facedge.enrollment.operating_points import USUAL_FAR
from facedge.faces.options import FaceOptions
from facedge.runtime.decision import Decision, FarEvidence
from facedge.runtime.embedder import Embedder, FaceEmbedding, embed_photo
from facedge.types import Float32Array

LARGEST_FACE = FaceOptions()


def compare(
    a: Photo,
    b: Photo,
    *,
    far: float = USUAL_FAR,
    bundle: str | Path | Bundle | None = None,
    options: FaceOptions = LARGEST_FACE,
    threads: int = 1,
) -> Decision:
    """Decide whether two photos show the same person.

    Args:
        a: a photo: a path, the bytes of an image file, a PIL image, or a uint8 array (H, W, 3) or (H, W)
        b: the other photo
        far: the FAR of the decision, between 0 and 1
        bundle: the models and the cohort: a path, a name, or a Bundle; None takes the bundle inside the package
        options: which of several faces counts; by default the largest
        threads: CPU threads

    Raises:
        ImageError: for a photo that cannot be read
        InputError: for a FAR that the cohort does not support
        BundleError: for a bundle that is damaged or carries no cohort

    The decision's box, landmarks and attributes are those of `b`; its reason may be about either photo.
    """
    base = bundle if isinstance(bundle, Bundle) else read_bundle(resolve_bundle(bundle))
    return decide(base, *embed_both(base, (a, b), options, threads=threads), far=far)


def embed_both(
    bundle: Bundle, photos: tuple[Photo, Photo], options: FaceOptions, *, threads: int = 1
) -> list[FaceEmbedding]:
    """The face of each photo with its embedding, or the reason why there is none."""
    embedder = Embedder(bundle, threads=threads)
    return [embed_photo(embedder, photo, options) for photo in photos]


def decide(bundle: Bundle, first: FaceEmbedding, second: FaceEmbedding, *, far: float = USUAL_FAR) -> Decision:
    """The decision about two embedded photos, at a FAR on the bundle's cohort."""
    score = None
    if first.embedding is not None and second.embedding is not None:
        calibrated = calibrate(bundle, 1, far, alone=(first.embedding, second.embedding))
        score = as_score(calibrated.link, _cosine(first.embedding, second.embedding))
    else:
        calibrated = calibrate(bundle, 1, far)
    accepted = score is not None and score >= calibrated.threshold
    return Decision(
        accepted=accepted,
        score=score,
        threshold=calibrated.threshold,
        reason=None if accepted else first.reason or second.reason or "below_threshold",
        box=second.located.box,
        landmarks=second.located.landmarks,
        attributes=second.attributes,
        ms={stage: first.ms[stage] + second.ms[stage] for stage in second.ms},
        far=FarEvidence(calibrated.chosen.target, calibrated.chosen.high95),
    )


def _cosine(a: Float32Array, b: Float32Array) -> float:
    """The cosine of two embeddings (D,), the same bits in either order."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float((x * y).sum() / (np.linalg.norm(x) * np.linalg.norm(y)))

"""The decision about one photo, and the threshold behind it: which one is in force, and what is known about its FAR.

FAR here is the false accept rate of one comparison, which ISO/IEC 19795-1 calls the false match rate (FMR).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from facedge.bundle import Manifest
from facedge.errors import BundleError, InputError

Reason = Literal["no_face", "many_faces", "low_quality", "rotated", "distorted", "below_threshold"]
STAGES = ("decode", "detect", "align", "preprocess", "infer")
NOT_ENROLLED = "nobody is enrolled in this bundle: run facedge enroll"


@dataclass(frozen=True)
class FarEvidence:
    """The FAR a threshold was set for, and the upper end of its 95 % interval; None where nothing is known."""

    target: float | None = None
    upper95: float | None = None

    def of_faces(self, faces: int) -> "FarEvidence":
        """The same where any of so many faces may be accepted: each has its chance of a false accept.

        1 - (1 - FAR)^n for faces that are independent, and at most n times the FAR.
        """
        any_of = [None if rate is None else 1 - (1 - rate) ** faces for rate in (self.target, self.upper95)]
        return FarEvidence(*any_of)


@dataclass(frozen=True)
class Threshold:
    """Accept if score >= value."""

    value: float
    far: FarEvidence


@dataclass(frozen=True)
class Decision:
    """The answer to "is it me?" for one photo.

    Attributes:
        accepted: True only when a score was computed and score >= threshold
        score: probability in 0..1, higher is more alike; None when no face was scored, or the score was no number
        threshold: the threshold in force
        reason: why not: no_face, many_faces, low_quality, rotated, distorted, below_threshold; None when accepted
        box: (x0, y0, x1, y1) of the face in pixels of the photo; None for crops that came aligned
        landmarks: five (x, y) in pixels of the photo: eyes, nose, mouth corners; None like `box`
        attributes: probability of each attribute by name, empty when no face was scored
        ms: milliseconds by stage: decode, detect, align, preprocess, infer
        far: what is known about the false accept rate at this threshold
        turned: degrees clockwise by which the photo was turned to find the face: 0, 90, 180 or 270
        stretch: logarithm of the factor by which the picture seems widened, of facedge.faces.plausible; None like `box`
        faces: faces that were found in the photo; None for crops that came aligned
        not_judged: boxes like `box` of the faces that were found beside the one meant, and not judged
    """

    accepted: bool
    score: float | None
    threshold: float
    reason: Reason | None
    box: tuple[float, float, float, float] | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None
    attributes: Mapping[str, float] = field(default_factory=dict)
    ms: Mapping[str, float] = field(default_factory=dict)
    far: FarEvidence = field(default_factory=FarEvidence)
    turned: int = 0
    stretch: float | None = None
    faces: int | None = None
    not_judged: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def others(self) -> int:
        """Faces that were found beside the one that is scored, and not judged; 0 where none was scored."""
        return len(self.not_judged) if self.score is not None else 0

    def to_record(self, probe: str, *, attributes: bool = False) -> dict[str, Any]:
        """The JSON line of `facedge verify --json` for the photo called `probe`, with the attributes if asked for."""
        labels = {name: round(value, 6) for name, value in self.attributes.items()}
        return {
            "probe": probe,
            "decision": "accept" if self.accepted else "reject",
            "reason": self.reason,
            "score": self.score,
            "threshold": self.threshold,
            "far": {"target": self.far.target, "upper95": self.far.upper95},
            "faces": self.faces,
            "not_judged": [list(box) for box in self.not_judged],
            "box": list(self.box) if self.box is not None else None,
            "landmarks": [list(point) for point in self.landmarks] if self.landmarks is not None else None,
            **({"attributes": labels} if attributes else {}),
            "ms": {stage: round(self.ms.get(stage, 0.0), 3) for stage in STAGES},
        }


def choose_threshold(manifest: Manifest, *, threshold: float | None = None, far: float | None = None) -> Threshold:
    """The bundle's own threshold, or the one the caller asks for.

    Args:
        threshold: a score in 0..1 of the caller's choice: nothing is known about its FAR
        far: a FAR in (0, 1): the bundle's loosest operating point whose target is no higher. Asking for less than the
            bundle's impostors support raises InputError with the number that would be needed.

    Raises BundleError when nobody is enrolled.
    """
    if manifest.threshold is None:
        raise BundleError(NOT_ENROLLED)
    if threshold is not None and far is not None:
        raise InputError("give a threshold or a FAR, not both: the FAR decides the threshold")
    if threshold is not None:
        if not 0.0 <= threshold <= 1.0:
            raise InputError(f"threshold: expected a score from 0 to 1, got {threshold:g}")
        return Threshold(float(threshold), FarEvidence())
    if far is not None:
        return _at_far(manifest, far)
    found = manifest.calibration
    evidence = FarEvidence(found.far_target, found.far_upper95) if found else FarEvidence()
    return Threshold(manifest.threshold, evidence)


def _at_far(manifest: Manifest, far: float) -> Threshold:
    if not 0.0 < far < 1.0:
        raise InputError(f"far: expected a rate between 0 and 1, such as 0.001, got {far:g}")
    found = manifest.calibration
    if found is None or manifest.threshold is None:
        raise BundleError(
            "this bundle's threshold was set by hand, so no FAR is known for it: use --threshold, or enroll again"
        )
    known = [(p.far_target, p.threshold, p.far_upper95) for p in found.points]
    known.append((found.far_target, manifest.threshold, found.far_upper95))
    fitting = [point for point in known if point[0] <= far * (1 + 1e-9)]
    if not fitting:
        lowest = min(point[0] for point in known)
        raise InputError(
            f"far: {found.identities:,} impostor identities are behind this bundle's calibration, which supports a "
            f"FAR of {lowest:g} and no less: ask for {lowest:g} or more, or enroll again on a larger cohort"
        )
    target, value, upper95 = max(fitting)
    return Threshold(value, FarEvidence(target, upper95))

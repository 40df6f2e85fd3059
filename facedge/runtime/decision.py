"""What a verifier answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["no_face", "many_faces", "low_quality", "below_threshold"]
STAGES = ("decode", "detect", "align", "preprocess", "infer")


@dataclass(frozen=True)
class FarEvidence:
    """The FAR a threshold was set for, and the upper end of its 95 % interval; None where nothing is known."""

    target: float | None = None
    upper95: float | None = None


@dataclass(frozen=True)
class Decision:
    """The answer to "is it me?" for one photo.

    accepted    True only when a score was computed and score >= threshold
    score       probability in 0..1, higher is more alike; None when no face was scored, or the score was no number
    threshold   the threshold in force
    reason      why not: no_face, many_faces, low_quality, below_threshold; None when accepted
    box         (x0, y0, x1, y1) of the face in pixels of the photo; None for crops that came aligned
    landmarks   five (x, y) in pixels of the photo: eyes, nose, mouth corners; None like `box`
    attributes  probability of each attribute by name, empty when no face was scored
    ms          milliseconds by stage: decode, detect, align, preprocess, infer
    far         what is known about the false accept rate at this threshold
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

    def to_record(self, probe: str) -> dict[str, Any]:
        """The JSON line of `facedge verify --json` for the photo called `probe`."""
        return {
            "probe": probe,
            "decision": "accept" if self.accepted else "reject",
            "reason": self.reason,
            "score": self.score,
            "threshold": self.threshold,
            "far": {"target": self.far.target, "upper95": self.far.upper95},
            "box": list(self.box) if self.box is not None else None,
            "landmarks": [list(point) for point in self.landmarks] if self.landmarks is not None else None,
            "attributes": {name: round(value, 6) for name, value in self.attributes.items()},
            "ms": {stage: round(self.ms.get(stage, 0.0), 3) for stage in STAGES},
        }

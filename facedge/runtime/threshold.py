"""Which threshold is in force, and what is known about its FAR."""

from dataclasses import dataclass

from facedge.bundle import Manifest
from facedge.errors import BundleError, InputError
from facedge.runtime.decision import FarEvidence

NOT_ENROLLED = "nobody is enrolled in this bundle: run facedge enroll"


@dataclass(frozen=True)
class Threshold:
    """Accept if score >= value."""

    value: float
    far: FarEvidence


def choose_threshold(manifest: Manifest, *, threshold: float | None = None, far: float | None = None) -> Threshold:
    """The bundle's own threshold, or the one the caller asks for.

    threshold  a score in 0..1 of the caller's choice: nothing is known about its FAR
    far        a FAR in (0, 1): the bundle's loosest operating point whose target is no higher. Asking for less than
               the bundle's impostors support raises InputError with the number that would be needed.

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
            "this bundle's threshold was set by hand, so it knows no FAR: use --threshold, or enroll again"
        )
    known = [(p.far_target, p.threshold, p.far_upper95) for p in found.points]
    known.append((found.far_target, manifest.threshold, found.far_upper95))
    fitting = [point for point in known if point[0] <= far * (1 + 1e-9)]
    if not fitting:
        lowest = min(point[0] for point in known)
        raise InputError(
            f"far: {found.identities:,} impostor identities stand behind this bundle, which supports a FAR of "
            f"{lowest:g} and no less; {far:g} needs about {round(3 / far):,}: ask for {lowest:g} or more"
        )
    target, value, upper95 = max(fitting)
    return Threshold(value, FarEvidence(target, upper95))

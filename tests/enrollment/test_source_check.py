"""The source check warns where the FAR of the cohort cannot hold, and only there."""

import numpy as np

from facedge.enrollment.calibration import template
from facedge.enrollment.source_check import check_source
from facedge.types import Float32Array


def people(count: int, images: int, rng: np.random.Generator) -> tuple[Float32Array, np.ndarray]:
    """Embeddings of people who all share a direction, float32 (count * images, 16), and their identities."""
    x = rng.normal(size=(count, 1, 16)) + 0.3 * rng.normal(size=(count, images, 16)) + np.eye(16)[0]
    x = x.reshape(-1, 16) / np.linalg.norm(x.reshape(-1, 16), axis=1, keepdims=True)
    return x.astype(np.float32), np.repeat(np.arange(count), images).astype(np.int32)


def test_a_template_near_the_mean_of_people_is_warned_of() -> None:
    """The check once looked for templates far from the mean, and never fired: without identity they lie near it."""
    rng = np.random.default_rng(1)
    cohort, identities = people(120, 3, rng)
    usual = check_source(cohort[:3], cohort[3:], identities[3:], None, template(cohort[:3]))
    assert not any("in general" in warning for warning in usual.warnings())
    middle = cohort.mean(axis=0) + 0.02 * rng.normal(size=(3, 16)).astype(np.float32)
    found = check_source(middle, cohort, identities, None, template(middle))
    assert found.percentile > 0.999
    assert any("in general" in warning for warning in found.warnings())

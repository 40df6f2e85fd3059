"""Moved: facedge.metrics.intervals and facedge.metrics.comparisons."""

from facedge.metrics.comparisons import one_sided as one_sided
from facedge.metrics.intervals import Bootstrap
from facedge.metrics.intervals import percentile_interval as percentile_interval
from facedge.metrics.intervals import resampled_rates as resampled_rates
from facedge.types import Float32Array


def draw(identities: int, replicates: int, seed: int) -> Float32Array:
    """`Bootstrap(replicates, seed).draw(identities)`."""
    return Bootstrap(replicates, seed).draw(identities)

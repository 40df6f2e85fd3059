"""How sure one may be of a mean over images, when each person stands in several."""

from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.metrics import bootstrap


def mean_interval(
    values: npt.NDArray[np.float64], identities: npt.NDArray[Any], *, replicates: int, seed: int
) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the mean of one value an image (N,), resampling people; Nones where any image's is unknown."""
    if len(identities) == 0 or int(identities.min()) < 0:
        return None, None
    people = bootstrap.one_sided(identities)
    sums = np.bincount(people.pair_of, weights=values, minlength=people.identities).astype(np.float64)
    weights = bootstrap.draw(people.identities, replicates, seed)
    return bootstrap.percentile_interval(bootstrap.resampled_rates(weights, people, sums, people.counts()))

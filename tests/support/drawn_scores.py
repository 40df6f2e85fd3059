"""Random scores of comparisons in which the comparisons of one person are correlated."""

import numpy as np

from facedge.metrics.comparisons import Comparisons


def draw_people(rng: np.random.Generator, people: int, photos: int, spread: float = 1.0) -> Comparisons:
    """All pairs of people * photos images; a score is the sum of both people's effects, noise, and 4 if genuine."""
    ids = np.repeat(np.arange(people), photos)
    effect = rng.normal(0, spread, people)
    a, b = np.triu_indices(len(ids), k=1)
    left, right = ids[a].astype(np.int32), ids[b].astype(np.int32)
    noise = rng.normal(0, 1, len(a))
    return Comparisons(effect[left] + effect[right] + noise + 4.0 * (left == right), left, right)

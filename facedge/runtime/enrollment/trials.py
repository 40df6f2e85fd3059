"""What a cohort can tell about enrollments: each of its people enrolled in turn, against all the others.

One person against 100 impostors can show a FAR of 3 % and no less. But 100 people who take turns at being enrolled
make 4,950 pairs of people, which support a FAR of 0.1 %: of the method, over people, at one threshold for all. A
template comes from the person's own images alone, so every other person of the cohort is an impostor it never saw.

Two things decide whether such a threshold keeps its word, both measured on 106 people of the test partition enrolled by
10 images each, at a FAR of 0.1 % asked (`benchmarks/enrollment.py`). As many images must enroll as with the user: the
mean of ten is nearer to everybody than the mean of two, and thresholds from templates of two let 0.7 % pass. And those
who try must come from the same source as those enrolled: strangers of another data set are told apart by their camera,
and with them among the impostors 0.25 % pass, without them 0.15 %. So a crowd of one photo each takes no part.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.errors import BundleError
from facedge.runtime.enrollment.linear import Floats, template

Identities = NDArray[np.integer]
FEWEST_PEOPLE = 8  # below this no rate is worth a number
MOST_ENROLLED = 16  # images of a cohort's person that enroll; the others are the probes
OWN_IMPOSTORS = 1_000_000  # identities from here on were brought by the user: family, housemates


@dataclass(frozen=True)
class Trials:
    """Scores of a cohort's people in turn.

    genuine   float64 (G,) of probes of the person enrolled, `genuine_people` int (G,) who that is
    impostor  float64 (M,) of everybody else, `impostor_pairs` int (M, 2) who is enrolled and who tries
    """

    genuine: Floats
    genuine_people: Identities
    impostor: Floats
    impostor_pairs: Identities


def cohort_trials(cohort: NDArray[np.floating], identities: Identities, images: int, *, seed: int = 0) -> Trials:
    """Enroll each identity of the cohort (N, D) with `images` of its images, and score the images of all others.

    Where half of the people have no more than `images`, as many enroll as half of them can spare. Identities with a
    single image take no part, unless the user brought them. Raises BundleError for a cohort too small to say anything.
    """
    people, counts = np.unique(identities, return_counts=True)
    several = people[counts > 1]
    if len(several) < FEWEST_PEOPLE:
        raise BundleError(
            f"the bundle's cohort has {len(several)} people with two images or more; enrollment needs at least "
            f"{FEWEST_PEOPLE}: export the bundle again with --faces that have identities"
        )
    count = _images_to_enroll(counts[counts > 1], images)
    taking_part = np.isin(identities, several) | (identities >= OWN_IMPOSTORS)
    x, ids = cohort[taking_part], identities[taking_part]
    rng = np.random.default_rng(seed)
    genuine, genuine_people, impostor, pairs = [], [], [], []
    for who in people[counts > count].tolist():
        rows, other = rng.permutation(np.flatnonzero(ids == who)), ids != who
        scores = template(x[rows[:count]]).score(x)
        genuine.append(scores[rows[count:]])
        genuine_people.append(np.full(len(rows) - count, who))
        impostor.append(scores[other])
        pairs.append(np.stack([np.full(int(other.sum()), who), ids[other]], axis=1))
    return Trials(*(np.concatenate(part) for part in (genuine, genuine_people, impostor, pairs)))


def _images_to_enroll(counts: NDArray[np.integer], images: int) -> int:
    """At most `images`, and few enough that at least half of the people (their numbers of images) have one left."""
    half_have = int(np.sort(counts)[len(counts) // 2])
    return min(images, MOST_ENROLLED, half_have - 1)

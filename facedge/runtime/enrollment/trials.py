"""What a cohort can tell about enrollments: each of its people enrolled in turn, against all the others.

One person against 100 impostors can show a FAR of 3 % and no less. But 100 people who take turns at being enrolled
make 4,950 pairs of people, which support a FAR of 0.1 %: of the method, over people, at one threshold for all. A
template comes from the person's own images alone, so every other person of the cohort is an impostor it never saw.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.errors import BundleError
from facedge.runtime.enrollment.linear import Floats, template

Identities = NDArray[np.integer]
FEWEST_PEOPLE = 8  # below this no rate is worth a number
MOST_ENROLLED = 10  # images of a cohort's person that enroll; the others are the probes


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
    """Enroll each identity of the cohort (N, D) with up to `images` of its images, and score everything else.

    Identities with a single image are impostors only. Raises BundleError for a cohort too small to say anything.
    """
    people = np.unique(identities)
    if len(people) < FEWEST_PEOPLE:
        raise BundleError(
            f"the bundle's cohort has {len(people)} people; enrollment needs at least {FEWEST_PEOPLE}: export the "
            "bundle again with --faces"
        )
    rng = np.random.default_rng(seed)
    genuine, genuine_people, impostor, pairs = [], [], [], []
    for who in people.tolist():
        enroll, probes = _split(np.flatnonzero(identities == who), images, rng)
        if not len(enroll):
            continue
        scores = template(cohort[enroll]).score(cohort)
        other = identities != who
        genuine.append(scores[probes])
        genuine_people.append(np.full(len(probes), who))
        impostor.append(scores[other])
        pairs.append(np.stack([np.full(int(other.sum()), who), identities[other]], axis=1))
    if not genuine:
        raise BundleError("the bundle's cohort has one image of each person only: export the bundle again with --faces")
    return Trials(*(np.concatenate(part) for part in (genuine, genuine_people, impostor, pairs)))


def _split(rows: NDArray[np.intp], images: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(rows that enroll, rows that are probes): at least a third of the rows stay probes."""
    mixed = rng.permutation(rows)
    count = min(images, MOST_ENROLLED, len(rows) - max(1, len(rows) // 3)) if len(rows) > 1 else 0
    return mixed[:count], mixed[count:]

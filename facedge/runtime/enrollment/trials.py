"""What a cohort can tell about enrollments: each of its people enrolled in turn, against all the others.

One person against 100 impostors can show a FAR of 3 % and no less. But 100 people who take turns at being enrolled
make 4,950 pairs of people, which support a FAR of 0.1 %: of the method, over people, at one threshold for all. That
is why scores are normalised per person (`linear.against`) and the threshold is common.

Every score here is of an impostor whom the enrollment has not seen: the others are split in folds, and each fold is
scored by an enrollment against the remaining ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedge.errors import BundleError
from facedge.runtime.enrollment.linear import Floats, Linear, Spread, against, centre, direction, spread

Identities = NDArray[np.integer]
FOLDS = 4
FEWEST_PEOPLE = 8  # below this the folds are empty, and no rate is worth a number
MOST_ENROLLED = 10  # images of a cohort's person that enroll; the others are the probes


@dataclass(frozen=True)
class Trials:
    """Normalised scores of a cohort's people in turn.

    genuine   float64 (G,) of probes of the person enrolled, `genuine_people` int (G,) who that is
    impostor  float64 (M,) of everybody else, `impostor_pairs` int (M, 2) who is enrolled and who tries
    """

    genuine: Floats
    genuine_people: Identities
    impostor: Floats
    impostor_pairs: Identities


def enroll_against(enrolled: NDArray[np.floating], cohort: NDArray[np.floating], identities: Identities) -> Linear:
    """The score of a person enrolled by embeddings (K, D): 0 +- 1 on the cohort (N, D) of identities (N,)."""
    weight = direction(enrolled, spread(cohort, identities).whitener(), centre(cohort, identities))
    return against(weight, cohort)


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
    fold_of = dict(zip(people.tolist(), rng.permutation(len(people)) % FOLDS, strict=True))
    folds = np.array([fold_of[who] for who in identities.tolist()])
    chosen = {who: _split(np.flatnonzero(identities == who), images, rng) for who in people.tolist()}
    parts = [_fold_trials(cohort, identities, folds == fold, chosen) for fold in range(FOLDS)]
    return Trials(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _split(rows: NDArray[np.intp], images: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(rows that enroll, rows that are probes): at least a third of the rows stay probes."""
    mixed = rng.permutation(rows)
    count = min(images, MOST_ENROLLED, len(rows) - max(1, len(rows) // 3)) if len(rows) > 1 else 0
    return mixed[:count], mixed[count:]


def _fold_trials(
    cohort: NDArray[np.floating],
    identities: Identities,
    tried: NDArray[np.bool_],
    chosen: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> tuple[Floats, Identities, Floats, Identities]:
    """Everybody enrolled against the identities outside the fold `tried` (N,), and scored on those inside."""
    known, known_ids = cohort[~tried], identities[~tried]
    unseen, unseen_ids = cohort[tried], identities[tried]
    total = spread(known, known_ids)
    genuine, genuine_people, impostor, pairs = [], [], [], []
    for who, (enroll, probes) in chosen.items():
        if not len(enroll):
            continue
        score = _enroll_one(cohort[enroll], who, known, known_ids, total)
        other = unseen_ids != who
        impostor.append(score.score(unseen[other]))
        pairs.append(np.stack([np.full(int(other.sum()), who), unseen_ids[other]], axis=1))
        if tried[enroll[0]]:  # probes count once, in the fold whose enrollment did not see the person as an impostor
            genuine.append(score.score(cohort[probes]))
            genuine_people.append(np.full(len(probes), who))
    if not genuine:
        raise BundleError("the bundle's cohort has one image of each person only: export the bundle again with --faces")
    return tuple(np.concatenate(part) for part in (genuine, genuine_people, impostor, pairs))  # type: ignore[return-value]


def _enroll_one(
    enrolled: NDArray[np.floating], who: int, known: NDArray[np.floating], known_ids: Identities, total: Spread
) -> Linear:
    mine = known_ids == who
    spread_of_others = total.without(spread(known[mine], known_ids[mine])) if mine.any() else total
    others, other_ids = known[~mine], known_ids[~mine]
    return against(direction(enrolled, spread_of_others.whitener(), centre(others, other_ids)), others)

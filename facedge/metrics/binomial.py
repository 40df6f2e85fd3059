"""Exact bounds for a rate counted in independent trials.

Sources: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934); J. A. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?",
JAMA 249 (1983), for the rule of three.
"""

import math
from collections.abc import Callable

import numpy as np

from facedge.errors import InputError
from facedge.metrics._checks import fraction


def rule_of_three(trials: int, confidence: float = 0.95) -> float:
    """Upper bound of a rate after `trials` independent trials without one event: about 3 / trials at 95 %.

    The exact form `1 - (1 - confidence)^(1 / trials)`, never above 3 / trials for the usual 95 %.
    """
    if trials < 1:
        raise InputError(f"the rule of three needs at least one trial, got {trials}")
    return -math.expm1(math.log1p(-confidence) / trials)


def trials_needed(rate: float, confidence: float = 0.95) -> int:
    """Independent trials without an event that bound a rate by `rate`: 1 % needs 299, 0.1 % needs 2,995."""
    fraction(rate, "a rate")
    needed = math.ceil(math.log1p(-confidence) / math.log1p(-rate))
    # One step back where rounding pushed the quotient past an integer, one forward where it fell short.
    while needed > 1 and rule_of_three(needed - 1, confidence) <= rate:
        needed -= 1
    while rule_of_three(needed, confidence) > rate:
        needed += 1
    return needed


def clopper_pearson(events: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval (low, high) of a rate after `events` in `trials` independent trials."""
    if trials < 1 or not 0 <= events <= trials:
        raise InputError(f"expected 0 <= events <= trials and at least one trial, got {events} of {trials}")
    tail = (1.0 - fraction(confidence, "a confidence")) / 2
    low = 0.0 if events == 0 else _bisect(lambda p: _at_least(events, trials, p) - tail)
    high = 1.0 if events == trials else _bisect(lambda p: tail - _at_most(events, trials, p))
    return low, high


def _bisect(rising: Callable[[float], float]) -> float:
    """The root in (0, 1) of a rising function, to the last bit that a float halves to."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _at_most(events: int, trials: int, p: float) -> float:
    """P(X <= events) of a binomial, summed over the shorter tail."""
    if events > trials // 2:
        return 1.0 - _at_least(events + 1, trials, p)
    return _term_sum(0, events, trials, p)


def _at_least(events: int, trials: int, p: float) -> float:
    if events <= trials // 2:
        return 1.0 - _term_sum(0, events - 1, trials, p) if events else 1.0
    return _term_sum(events, trials, trials, p)


def _term_sum(first: int, last: int, trials: int, p: float) -> float:
    """P(first <= X <= last); terms over 12 standard deviations off the mean are below 1e-30 and left out."""
    reach = 12 * math.sqrt(trials * p * (1 - p)) + 40
    first, last = max(first, math.floor(trials * p - reach)), min(last, math.ceil(trials * p + reach))
    if first > last:
        return 0.0
    k = np.arange(first + 1, last + 1, dtype=np.float64)
    start = math.lgamma(trials + 1) - math.lgamma(first + 1) - math.lgamma(trials - first + 1)
    logs = start + np.concatenate(([0.0], np.cumsum(np.log((trials - k + 1) / k))))
    k = np.arange(first, last + 1, dtype=np.float64)
    return float(np.exp(logs + k * math.log(p) + (trials - k) * math.log1p(-p)).sum())

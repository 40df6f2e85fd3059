"""The parts of the enrollment benchmark: thresholds over several sources, halves of people, every kind of score."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import enrollment

    return enrollment


def people(count: int, images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 1, 8)) + 0.2 * rng.normal(size=(count, images, 8))
    x = x.reshape(-1, 8) / np.linalg.norm(x.reshape(-1, 8), axis=1, keepdims=True)
    return x.astype(np.float32), np.repeat(np.arange(count), images)


def test_sources_weigh_alike_whatever_their_size(benchmark: ModuleType) -> None:
    few, many = np.linspace(0, 1, 100), np.zeros(10_000)
    threshold = benchmark.threshold_of_sources([few, many], 0.05)
    assert np.mean([np.mean(few >= threshold), np.mean(many >= threshold)]) == pytest.approx(0.05)
    assert benchmark.threshold_of_sources([few], 0.05) == pytest.approx(np.quantile(few, 0.95), abs=0.01)


def test_nobody_is_in_both_halves(benchmark: ModuleType) -> None:
    first, second = benchmark.halves(people(9, 3, 0))
    assert not set(first[1].tolist()) & set(second[1].tolist())
    assert (len(set(first[1].tolist())), len(set(second[1].tolist()))) == (5, 4)


def test_every_score_ranks_the_person_above_others(benchmark: ModuleType) -> None:
    cohort, (x, ids) = people(30, 4, 1), people(6, 6, 2)
    for name in benchmark.DEFAULT:
        scored = benchmark.enrollments(benchmark.METHODS[name], (x, ids), 3, cohort)
        assert len(scored.genuine) == 18
        assert len(scored.impostor) == 6 * 30
        assert np.median(scored.genuine) > np.quantile(scored.impostor, 0.95), name
        assert np.isfinite(benchmark.cohort_scores(benchmark.METHODS[name], cohort, 2, 10)).all()

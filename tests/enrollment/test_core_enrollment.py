"""The C core enrolls as facedge/enrollment does: who matches, samples, template, threshold, warnings."""

import dataclasses

import numpy as np
import pytest
from core_enrollment import Core, Enrolled, build_core

from facedge.bundle import Bundle, read_bundle
from facedge.bundle.calibration_table import CalibrationTable, read_table
from facedge.bundle.cohort import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.enrollment.capture import Sample, select_varied
from facedge.enrollment.consistency import PersonModel, find_mismatched, fit_model
from facedge.enrollment.fit import FittedScore, fit
from facedge.enrollment.source_check import NEAREST
from facedge.faces.quality import Measures
from facedge.types import Float32Array, Int32Array


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return build_core(tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return read_bundle(pretrained())


@pytest.fixture(scope="module")
def cohort(shipped: Bundle) -> tuple[Float32Array, Int32Array]:
    found = read_cohort(shipped.files)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table(shipped: Bundle) -> CalibrationTable:
    found = read_table(shipped.files, shipped.manifest.embedding_size)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model(cohort: tuple[Float32Array, Int32Array]) -> PersonModel:
    return fit_model(*cohort)


def photos_of(cohort: tuple[Float32Array, Int32Array], seed: int, *counts: int) -> Float32Array:
    """Embeddings of as many people of the cohort as there are counts, in a drawn order."""
    rng, (x, who) = np.random.default_rng(seed), cohort
    people, have = np.unique(who, return_counts=True)
    chosen = rng.choice(people[have >= max(counts)], len(counts), replace=False)
    rows = [rng.permutation(np.flatnonzero(who == one))[:count] for one, count in zip(chosen, counts, strict=True)]
    return x[rng.permutation(np.concatenate(rows))]


MEASURES = Measures(1.0, 128.0, 50.0, None, None)
MIXES = [(1,), (2,), (1, 1), (3,), (2, 1), (8,), (3, 1), (5, 2), (5, 5), (9, 3), (12,), (4, 3, 2), (1, 1, 1, 1, 1)]


@pytest.mark.parametrize("counts", MIXES, ids=str)
def test_the_same_photos_do_not_match(
    core: Core,
    table: CalibrationTable,
    cohort: tuple[Float32Array, Int32Array],
    model: PersonModel,
    counts: tuple[int, ...],
) -> None:
    mixed = 0
    for seed in range(12):
        x = photos_of(cohort, seed, *counts)
        found, expected = core.enroll(x, table, *cohort), find_mismatched(model, x)
        assert found.mismatched == expected
        assert (found.fault == "several_people") == bool(expected)
        mixed += bool(expected)
    assert len(counts) == 1 or mixed >= 6


@pytest.mark.parametrize("far", [None, 0.01])
@pytest.mark.parametrize("count", [1, 2, 4, 12, 30])
def test_the_same_enrollment(
    core: Core,
    shipped: Bundle,
    table: CalibrationTable,
    cohort: tuple[Float32Array, Int32Array],
    count: int,
    far: float | None,
) -> None:
    size, compared = cohort[0].shape[1], 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        middle = photos_of(cohort, seed, 1)[0]
        x = middle + rng.normal(0, 0.5 / size**0.5, (count, size))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        found = core.enroll(x, table, *cohort, most=10, far=far or 0)
        kept = select_varied([Sample(row, str(n), MEASURES) for n, row in enumerate(x)], 10)
        assert found.kept == [int(sample.source) for sample in kept]
        assert found.fault is None
        compared += assert_same(found, fit(shipped, x[found.kept], far=far), table)
    assert compared == 4


def assert_same(found: Enrolled, fitted: FittedScore, table: CalibrationTable) -> int:
    """The core's enrollment is Python's."""
    np.testing.assert_allclose(found.weight, fitted.logit.weight, rtol=1e-12)
    assert (found.shift, found.slope) == (fitted.logit.bias, fitted.calibrated.link.slope)
    assert found.threshold == fitted.threshold
    names = [condition.name for condition in table.conditions]
    assert (names[found.condition] if found.condition >= 0 else "") == fitted.condition
    assert (found.error, found.frr_before) == (fitted.calibrated.error, fitted.frr_before)
    points = [[p.target, p.cosine, p.low95, p.high95, p.frr] for p in fitted.calibrated.points]
    np.testing.assert_allclose(found.points, points, rtol=1e-12)
    assert fitted.point.target == found.points[found.chosen, 0]
    assert max(found.refused, 0) == fitted.refused_samples
    assert (found.passed, found.passed_people) == (fitted.passed, fitted.passed_identities)
    np.testing.assert_allclose(found.likeness, fitted.source.alike, rtol=1e-9)
    assert (found.nearness >= 2.7477813854449926) == (fitted.source.percentile >= NEAREST)
    return 1


def test_conditions_raise_the_threshold_alike(
    core: Core, shipped: Bundle, table: CalibrationTable, cohort: tuple[Float32Array, Int32Array]
) -> None:
    shown = set()
    for condition in table.conditions:
        rng, mean = np.random.default_rng(len(condition.name)), np.array(condition.mean)
        x = mean / np.linalg.norm(mean) + rng.normal(0, 0.02, (3, len(mean)))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        found = core.enroll(x, table, *cohort)
        assert found.fault is None
        fitted = fit(shipped, x[found.kept])
        assert_same(found, fitted, table)
        shown.add(fitted.condition)
    assert len(shown) > 5


def test_what_is_refused(
    core: Core, shipped: Bundle, table: CalibrationTable, cohort: tuple[Float32Array, Int32Array]
) -> None:
    x = photos_of(cohort, 1, 1)
    few = (cohort[0][:7], np.arange(7, dtype=np.int32) // 2)  # too few people to judge by
    assert core.enroll(np.concatenate([x, -x]), table, *few).fault == "nothing_common"
    assert core.enroll(x, table, *cohort, far=0.0123).fault == "no_such_far"
    strangers = np.eye(len(x[0]), dtype=np.float32)[:6]
    found = core.enroll(strangers, table, *few)
    assert found.fault == "mostly_refused" and found.refused == 6
    with pytest.raises(MemoryError):
        core.enroll(x, table, cohort[0][:0], None)
    with pytest.raises(MemoryError):
        core.enroll(x[:0], table, *cohort)


def test_rows_without_identities_are_people_of_their_own(
    core: Core, table: CalibrationTable, cohort: tuple[Float32Array, Int32Array]
) -> None:
    x = photos_of(cohort, 2, 3)
    found = core.enroll(x, table, cohort[0], None)
    assert found.passed_people == found.passed and np.isnan(found.nearness)
    assert found.mismatched == ()


def test_the_order_of_the_cohort_does_not_matter(
    core: Core, table: CalibrationTable, cohort: tuple[Float32Array, Int32Array]
) -> None:
    order = np.random.default_rng(0).permutation(len(cohort[0]))
    x = photos_of(cohort, 3, 4, 2)
    one = core.enroll(x, table, *cohort)
    other = core.enroll(x, table, cohort[0][order], -1 - cohort[1][order])  # negative identities, too
    assert one.mismatched == other.mismatched != ()


def test_embeddings_of_other_sizes_match_alike(core: Core, table: CalibrationTable) -> None:
    for size in (3, 17, 60):
        rng = np.random.default_rng(size)
        who = np.repeat(np.arange(30, dtype=np.int32), 4)
        people = rng.normal(0, 1, (30, size))[who] + rng.normal(0, 0.4, (120, size))
        people = (people / np.linalg.norm(people, axis=1, keepdims=True)).astype(np.float32)
        plain = dataclasses.replace(table, conditions=())
        model = fit_model(people, who)
        for seed in range(20):
            x = people[np.random.default_rng(seed).integers(0, 120, 6)]
            assert core.enroll(x, plain, people, who).mismatched == find_mismatched(model, x)

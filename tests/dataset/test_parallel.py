"""The parallel map keeps the order and ends with an error instead of hanging."""

import pytest
from process_work import die_at_five, fail_at_five, slow_square

from facedge.dataset.parallel import ordered_map
from facedge.errors import FacedgeError


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 7, 40])
def test_results_come_in_order(workers: int, count: int) -> None:
    assert list(ordered_map(slow_square, range(count), workers)) == [k * k for k in range(count)]


def test_a_worker_that_dies_is_an_error_not_a_wait() -> None:
    with pytest.raises(FacedgeError, match="a worker process died"):
        list(ordered_map(die_at_five, range(20), 2))


def test_an_exception_of_the_work_is_raised() -> None:
    with pytest.raises(ValueError, match="five"):
        list(ordered_map(fail_at_five, range(20), 2))


def test_it_can_be_closed_early() -> None:
    results = ordered_map(slow_square, range(10_000), 2)
    assert [next(results), next(results)] == [0, 1]
    results.close()


def test_without_dev_shm_everything_runs_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_settings: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("facedge.dataset.parallel.ProcessPoolExecutor", refuse)
    assert list(ordered_map(lambda item: item * 2, [1, 2, 3], workers=2)) == [2, 4, 6]

"""A verifier that runs for days: memory stays flat, and threads do not disturb each other."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from tiny_bundle import crop

from facedge.runtime.verifier import load

STATM = Path("/proc/self/statm")


def resident_mb() -> float:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="no /proc/self/statm here")
def test_ten_thousand_crops_leave_memory_flat(tiny_bundle: Path) -> None:
    verifier = load(tiny_bundle)
    crops = [crop(seed) for seed in range(10)]
    for number in range(500):
        verifier.verify(crops[number % 10])
    before = resident_mb()
    for number in range(9_500):
        verifier.verify(crops[number % 10])
    assert resident_mb() - before < 2.0


def test_threads_share_one_verifier(tiny_bundle: Path) -> None:
    verifier = load(tiny_bundle)
    crops = [crop(seed) for seed in range(40)]
    alone = [verifier.verify(image).score for image in crops]
    with ThreadPoolExecutor(8) as pool:
        together = [decision.score for decision in pool.map(verifier.verify, crops)]
    assert together == alone

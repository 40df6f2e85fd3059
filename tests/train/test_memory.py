"""Training images that do not fit into memory are one sentence, before they are read."""

import pytest
import torch

from facedge.errors import RunError
from facedge.machine import free_memory
from facedge.preprocessing import PreprocessSpec
from facedge.train import memory
from facedge.train.memory import Need, check_memory

CPU = torch.device("cpu")
CELEBA_AT_112 = Need.of(162_770, PreprocessSpec(size=112), attributes=40, teacher=512)


def test_all_of_celeba_at_112_pixels_needs_three_gigabytes() -> None:
    assert CELEBA_AT_112.each == 128 * 128 + 4 * 552 + 8
    assert CELEBA_AT_112.total == pytest.approx(3.03e9, rel=0.01)


def test_what_does_not_fit_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 6_000_000_000)
    with pytest.raises(RunError, match=r"162,770 training images need 6\.1 GB of memory, and 6\.0 GB are free: choose"):
        check_memory(CELEBA_AT_112, CPU, 1)
    for free in (7_000_000_000, None):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        check_memory(CELEBA_AT_112, CPU, 1)


def test_a_gpu_holds_the_share_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (2_000_000_000, 80_000_000_000))
    gpu = torch.device("cuda", 0)
    with pytest.raises(RunError, match=r"need 3\.0 GB of memory on cuda:0, and 2\.0 GB are free"):
        check_memory(CELEBA_AT_112, gpu, 1)
    check_memory(CELEBA_AT_112, gpu, 2)
    with pytest.raises(RunError, match=r"488,310 training images need 4\.5 GB of memory on cuda:0"):
        check_memory(CELEBA_AT_112, gpu, 2, fresh=2)  # views are held on the device alone


def test_each_process_reads_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 7_000_000_000)
    check_memory(CELEBA_AT_112, CPU, 1)
    with pytest.raises(RunError, match=r"need 12\.1 GB of memory"):
        check_memory(CELEBA_AT_112, CPU, 2)
    with pytest.raises(RunError, match=r"need 9\.1 GB of memory"):
        check_memory(CELEBA_AT_112, CPU, 1, fresh=1)


def test_the_free_memory_of_this_machine() -> None:
    free = free_memory()
    assert free is None or 0 < free < 1e14

"""How several processes wait for one, and what a large validation set costs."""

import threading

import numpy as np
import pytest
import torch.distributed as dist

from facedge.train import validation
from facedge.train.distributed import Group, tell, wait_for


def test_the_others_wait_for_the_leader_and_no_longer() -> None:
    store = dist.HashStore()
    waiting = threading.Thread(target=wait_for, args=(Group(1, 2, 1, store), "teacher"), daemon=True)
    waiting.start()
    tell(Group(0, 2, 0, store), "something else")
    waiting.join(0.5)
    assert waiting.is_alive()
    tell(Group(0, 2, 0, store), "teacher")
    waiting.join(10)
    assert not waiting.is_alive()


def test_one_process_waits_for_nobody() -> None:
    tell(Group(), "teacher")
    wait_for(Group(), "anything")


def test_a_large_validation_set_is_judged_by_some_of_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(-1, 39), 10)  # ten images of nobody known
    x = (np.eye(40)[classes] + 0.25 * rng.normal(size=(400, 40))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    every = validation.true_accepts(x, classes)
    monkeypatch.setattr(validation, "MOST", 160)
    some = validation.true_accepts(x, classes)
    assert every is not None and some is not None
    assert some == pytest.approx(every, abs=0.1)
    assert some == validation.true_accepts(x, classes)

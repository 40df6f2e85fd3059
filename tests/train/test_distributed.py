"""Several processes wait for rank 0."""

import threading

import torch.distributed as dist

from facedge.train.distributed import Group, mark_done, wait_until_done


def test_the_others_wait_until_done_the_leader_and_no_longer() -> None:
    store = dist.HashStore()
    waiting = threading.Thread(target=wait_until_done, args=(Group(1, 2, store), "teacher"), daemon=True)
    waiting.start()
    mark_done(Group(0, 2, store), "something else")
    waiting.join(0.5)
    assert waiting.is_alive()
    mark_done(Group(0, 2, store), "teacher")
    waiting.join(10)
    assert not waiting.is_alive()


def test_one_process_does_not_wait() -> None:
    mark_done(Group(), "teacher")
    wait_until_done(Group(), "anything")

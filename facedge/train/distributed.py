"""Training in one process or several under `torchrun`: device, process group, waiting for rank 0."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from facedge.errors import RunError

TIMEOUT = timedelta(seconds=50)  # a lost process is noticed within a minute


@dataclass(frozen=True)
class Group:
    """This process and the number of those that train together."""

    rank: int = 0
    world: int = 1
    store: Store | None = None  # key-value store in which rank 0 marks what it has finished

    @property
    def is_main(self) -> bool:
        """Whether this process has rank 0: it alone writes the run folder and prints."""
        return self.rank == 0


@contextlib.contextmanager
def process_group(device: torch.device) -> Iterator[Group]:
    """The group that `torchrun` started, or a group of one; RunError where another process of it is lost."""
    group = _join(device)
    try:
        yield group
    except RuntimeError as problem:
        if group.world == 1:
            raise
        raise RunError(
            f"process {group.rank} of {group.world} lost its connection to the others "
            f"({str(problem).splitlines()[0][:120]}): start again with --resume"
        ) from problem
    finally:
        with contextlib.suppress(RuntimeError):
            if group.world > 1 and dist.is_initialized():
                dist.destroy_process_group()


def _join(device: torch.device) -> Group:
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Group()
    backend = "nccl" if device.type == "cuda" else "gloo"
    store, rank, world = next(rendezvous("env://", timeout=TIMEOUT))
    dist.init_process_group(
        backend, store=PrefixStore("gradients", store), rank=rank, world_size=world, timeout=TIMEOUT
    )
    return Group(rank, world, PrefixStore("done", store))


def is_rank_zero() -> bool:
    """Whether torchrun gave this process rank 0, known before the group is joined; True without torchrun."""
    return int(os.environ.get("RANK", "0")) == 0


@contextlib.contextmanager
def main_process_first(group: Group, key: str) -> Iterator[None]:
    """Run the block in rank 0 first, then in the other processes; `key` names the block, once per run."""
    if not group.is_main:
        wait_until_done(group, key)
    yield
    if group.is_main:
        mark_done(group, key)


def mark_done(group: Group, key: str) -> None:
    """Let the processes in `wait_until_done(group, key)` continue."""
    if group.store is not None:
        group.store.set(key, "done")


def wait_until_done(group: Group, key: str) -> None:
    """Wait until rank 0 has called `mark_done(group, key)`, without a time limit.

    A barrier would give up after TIMEOUT, and what rank 0 does alone (teacher embeddings, validation on a large set)
    may take hours. Polling in Python lets a signal end it; reading the store raises when rank 0 is gone.
    """
    while group.store is not None and not group.store.check([key]):
        time.sleep(0.1)


def choose_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; under torchrun each process takes the device of its local rank."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise RunError("expected a CUDA device, found none: use --device cpu, or install a CUDA build of torch")
    if name not in ("cpu", "cuda"):
        raise RunError(f"expected --device auto, cpu or cuda, got {name!r}")
    if name == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device
    return torch.device("cpu")


def distribute(module: nn.Module, group: Group, device: torch.device) -> nn.Module:
    """The module itself, or a wrapper that averages gradients over the group."""
    if group.world == 1:
        return module
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=False)

"""One process or several: what `torchrun` sets up, reduced to rank, world and a barrier-free shutdown."""

import os
import time
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
    """This process among those that train together."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    store: Store | None = None  # where the leader leaves word for the others

    @property
    def leads(self) -> bool:
        """Whether this process writes the run folder and talks."""
        return self.rank == 0


def join(device: torch.device) -> Group:
    """The group that `torchrun` started, or the group of one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Group()
    backend = "nccl" if device.type == "cuda" else "gloo"
    store, rank, world = next(rendezvous("env://", timeout=TIMEOUT))
    dist.init_process_group(
        backend, store=PrefixStore("gradients", store), rank=rank, world_size=world, timeout=TIMEOUT
    )
    return Group(rank, world, int(os.environ.get("LOCAL_RANK", "0")), PrefixStore("word", store))


def tell(group: Group, what: str) -> None:
    """The leader has done `what`: those in `wait_for` go on."""
    if group.store is not None:
        group.store.set(what, "done")


def wait_for(group: Group, what: str) -> None:
    """Wait until the leader has done `what`, however long that takes.

    A barrier would give up after TIMEOUT, and the leader's work alone (asking a teacher, validation on a large set)
    may take hours. Waiting in Python lets a signal end it at once; a store that went with the leader raises.
    """
    while group.store is not None and not group.store.check([what]):
        time.sleep(0.1)


def leave(group: Group) -> None:
    """Say goodbye to the others."""
    if group.world > 1 and dist.is_initialized():
        dist.destroy_process_group()


def choose_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; under torchrun each process takes its own."""
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


def bare(module: nn.Module) -> nn.Module:
    """The module inside the wrapper."""
    return module.module if isinstance(module, DistributedDataParallel) else module

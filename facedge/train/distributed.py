"""Training in one process or several under `torchrun`: device, process group, waiting for rank 0."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from facedge.errors import FacedgeError, RunError, first_line

TIMEOUT = timedelta(seconds=50)  # a lost process is noticed within a minute
ONE_REPORT = timedelta(seconds=3)  # in which rank 0 fails for the reason of another process
ENDED = "ended"  # key in the store: rank 0 ends with an error or was interrupted


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
    """The group that `torchrun` started, or a group of one.

    RunError where another process of it is lost or the device's memory is not enough. Where rank 0 fails or is
    interrupted, it alone reports: the others end with SystemExit(2).
    """
    group = _join(device)
    try:
        with _one_report(group), _as_run_errors(group):
            yield group
    finally:
        with contextlib.suppress(RuntimeError):
            if group.world > 1 and dist.is_initialized():
                dist.destroy_process_group()


@contextlib.contextmanager
def _as_run_errors(group: Group) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as problem:
        raise RunError(
            f"out of device memory ({first_line(problem, 120)}): choose a smaller --batch or --size"
        ) from problem
    except RuntimeError as problem:
        if group.world == 1:
            raise
        raise RunError(
            f"process {group.rank} of {group.world} lost its connection to the others ({first_line(problem, 120)}): "
            "start again with --resume"
        ) from problem


@contextlib.contextmanager
def _one_report(group: Group) -> Iterator[None]:
    try:
        yield
    except (FacedgeError, KeyboardInterrupt) as problem:
        if group.store is None:
            raise
        if group.is_main:
            group.store.set(ENDED, "")
            raise
        with contextlib.suppress(RuntimeError):  # rank 0 goes on, or is gone without a report
            group.store.wait([ENDED], ONE_REPORT)
            raise SystemExit(2) from problem
        raise


def _join(device: torch.device) -> Group:
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Group()
    # On GPUs gloo too, for what the processes agree on: it waits for the other processes, not for the device's work.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store, rank, world = next(rendezvous("env://", timeout=TIMEOUT))
    dist.init_process_group(
        backend, store=PrefixStore("gradients", store), rank=rank, world_size=world, timeout=TIMEOUT
    )
    return Group(rank, world, PrefixStore("done", store))


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


def wait_until_done(group: Group, key: str, stop: Callable[[], bool] = lambda: False) -> None:
    """Wait until rank 0 has called `mark_done(group, key)`, without a time limit.

    Raises KeyboardInterrupt once `stop()`, SystemExit where rank 0 ends with an error.

    A barrier would give up after TIMEOUT, and what rank 0 does alone (teacher embeddings, validation on a large set)
    may take hours. Polling in Python lets a signal end it; reading the store raises when rank 0 is gone.
    """
    while group.store is not None and not group.store.check([key]):
        if stop():
            raise KeyboardInterrupt
        if group.store.check([ENDED]):
            raise SystemExit(2)
        time.sleep(0.1)


def meet(group: Group, key: str) -> None:
    """Wait, without a time limit, until all processes have called this with `key`, once per run."""
    if group.store is None:
        return
    group.store.set(f"{key} {group.rank}", "here")
    for rank in range(group.world):
        wait_until_done(group, f"{key} {rank}")


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


def share_weights(module: nn.Module, group: Group) -> None:
    """Give every process the parameters and buffers of rank 0."""
    if group.world > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, src=0)


def any_of_group(group: Group, *facts: bool) -> tuple[bool, ...]:
    """Of each fact, whether it holds in any process; all processes call this and get the same answer."""
    if group.world == 1:
        return facts
    flags = torch.tensor(facts, dtype=torch.int32)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return tuple(bool(flag) for flag in flags.tolist())


def largest_of_group(group: Group, number: int) -> int:
    """The largest of the processes' numbers."""
    if group.world == 1:
        return number
    largest = torch.tensor(number)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return int(largest)


def average_gradients(parameters: Sequence[nn.Parameter], group: Group) -> None:
    """Replace every gradient by its mean over the group, in one exchange for all of them."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if group.world == 1 or not gradients:
        return
    joined = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(joined)
    joined /= group.world
    parts = torch.split(joined, [gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [part.view(g.shape) for part, g in zip(parts, gradients, strict=True)])

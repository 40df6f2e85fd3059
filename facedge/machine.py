"""The machine: its name, the CPU cores this process may use, and the peak memory of the process."""

import os
import platform
import sys
from pathlib import Path


def device_name() -> str:
    """A name people recognise: a Raspberry Pi's model, else the processor's, with the number of usable cores."""
    return f"{_board() or _processor() or platform.machine()}, {usable_cores()} cores"


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_mb() -> float:
    """The most resident memory this process has had, in MB (10^6 bytes)."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def free_memory() -> int | None:
    """Bytes that this process can still take, by the system and by the limit of its container; None if unknown."""
    found = [int(line.split()[1]) * 1024 for line in _lines("/proc/meminfo") if line.startswith("MemAvailable:")]
    limit, used = (next(iter(_lines(f"/sys/fs/cgroup/memory.{name}")), "") for name in ("max", "current"))
    if limit.isdecimal() and used.isdecimal():
        found.append(max(0, int(limit) - int(used)))
    return min(found, default=None)


def _board() -> str:
    return "".join(_lines("/proc/device-tree/model")).strip("\0 ")


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.lower().startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []

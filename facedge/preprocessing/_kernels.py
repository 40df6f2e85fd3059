"""Which implementation runs: the compiled kernel's best for this CPU, or numpy.

FACEDGE_KERNEL forces one of numpy, portable, avx2, avx512, neon; all give the same bits.
"""

import os
from functools import lru_cache
from importlib import import_module
from typing import Any

from facedge.errors import InputError

kernel: Any  # the compiled module, or None: a source install on a machine with no C compiler
try:
    kernel = import_module("facedge._kernel")
except ImportError:
    kernel = None

NAMES = ("numpy", "portable", "avx2", "avx512", "neon")


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The implementations that run here, slowest first: numpy, then what the kernel's build and this CPU have."""
    return ("numpy",) if kernel is None else ("numpy", *kernel.implementations())


def chosen() -> str:
    """The implementation in use: FACEDGE_KERNEL, or the fastest available."""
    forced = os.environ.get("FACEDGE_KERNEL", "").strip().lower()
    return require(forced) if forced else available()[-1]


def require(name: str) -> str:
    """The name itself, or InputError where this build or CPU does not have it."""
    if name not in NAMES:
        raise InputError(f"FACEDGE_KERNEL is one of {', '.join(NAMES)}, not {name!r}: unset it for the fastest")
    if name not in available():
        why = "the compiled kernel is not installed" if kernel is None else "this CPU or build does not have it"
        raise InputError(f"FACEDGE_KERNEL={name} cannot run here ({why}): use one of {', '.join(available())}")
    return name

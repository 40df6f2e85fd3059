"""The .npy files of a bundle: read without pickle, held to their shapes."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facedge.bundle._fields import REPAIR
from facedge.errors import BundleError

COHORT, COHORT_IDENTITIES = "cohort.npy", "cohort_identities.npy"
ENROLLED = "enrolled.npy"  # float32 (K, D): what a personal bundle was enrolled with, for --update


def read_array(name: str, data: bytes) -> NDArray[Any]:
    """The array in the bytes of a .npy file called `name`; BundleError where it is none, or needs pickle."""
    source = io.BytesIO(data)
    try:
        array = np.lib.format.read_array(source, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as problem:
        raise BundleError(f"{name} is not a plain .npy array ({str(problem)[:100]}): {REPAIR}") from problem
    if array.dtype.byteorder == ">" or not array.flags.c_contiguous:
        raise BundleError(f"{name} is not in C order and little-endian: {REPAIR}")
    if source.read(1):
        raise BundleError(f"{name} has bytes after its array: {REPAIR}")
    return np.asarray(array)


def to_npy(array: NDArray[Any]) -> bytes:
    """The bytes of a .npy file that `read_array` gives back."""
    target = io.BytesIO()
    np.lib.format.write_array(target, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return target.getvalue()


def read_cohort(files: Mapping[str, bytes]) -> tuple[NDArray[np.float32], NDArray[np.int32]] | None:
    """Impostor embeddings float32 (N, D) and the identity of each, int32 (N,); None where the bundle has none.

    Without cohort_identities.npy every row is an identity of its own.
    """
    if COHORT not in files:
        return None
    embeddings = read_array(COHORT, files[COHORT])
    if COHORT_IDENTITIES in files:
        return embeddings, read_array(COHORT_IDENTITIES, files[COHORT_IDENTITIES])
    return embeddings, np.arange(len(embeddings), dtype=np.int32)


def check_arrays(files: Mapping[str, bytes], embedding_size: int) -> None:
    """BundleError unless every .npy file is plain, and the cohort fits the embeddings of this bundle."""
    for name, data in files.items():
        if name.endswith(".npy"):
            read_array(name, data)
    if COHORT_IDENTITIES in files and COHORT not in files:
        raise BundleError(f"{COHORT_IDENTITIES} needs {COHORT}, which is missing: {REPAIR}")
    cohort = read_cohort(files)
    if cohort is not None:
        _check_cohort(*cohort, embedding_size)


def _check_cohort(embeddings: NDArray[Any], identities: NDArray[Any], embedding_size: int) -> None:
    fits = embeddings.ndim == 2 and embeddings.shape[1] == embedding_size and len(embeddings) > 0
    if embeddings.dtype != np.float32 or not fits or not np.isfinite(embeddings).all():
        raise BundleError(
            f"{COHORT}: expected finite float32 (N, {embedding_size}), "
            f"got {embeddings.dtype} {embeddings.shape}: {REPAIR}"
        )
    if identities.dtype != np.int32 or identities.shape != embeddings.shape[:1]:
        raise BundleError(
            f"{COHORT_IDENTITIES}: expected int32 ({len(embeddings)},), "
            f"got {identities.dtype} {identities.shape}: {REPAIR}"
        )

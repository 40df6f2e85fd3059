"""The cohort of a bundle: embeddings of impostors, with their identities, on which thresholds are calibrated."""

from collections.abc import Mapping

import numpy as np

from facedge.bundle.arrays import read_array
from facedge.bundle.json_fields import REPAIR
from facedge.errors import BundleError
from facedge.types import AnyArray, Float32Array, Int32Array

COHORT, COHORT_IDENTITIES = "cohort.npy", "cohort_identities.npy"


def read_cohort(files: Mapping[str, bytes]) -> tuple[Float32Array, Int32Array] | None:
    """Impostor embeddings float32 (N, D) and the identity of each, int32 (N,); None where the bundle has none.

    Without cohort_identities.npy every row is an identity of its own.
    """
    if COHORT not in files:
        return None
    embeddings = read_array(COHORT, files[COHORT])
    if COHORT_IDENTITIES in files:
        return embeddings, read_array(COHORT_IDENTITIES, files[COHORT_IDENTITIES])
    return embeddings, np.arange(len(embeddings), dtype=np.int32)


def check_cohort(files: Mapping[str, bytes], embedding_size: int) -> None:
    """BundleError where a cohort does not fit the embeddings of this bundle, or its identities lack their cohort."""
    if COHORT_IDENTITIES in files and COHORT not in files:
        raise BundleError(f"{COHORT_IDENTITIES} needs {COHORT}, which is missing: {REPAIR}")
    cohort = read_cohort(files)
    if cohort is not None:
        _check_shapes(*cohort, embedding_size)


def _check_shapes(embeddings: AnyArray, identities: AnyArray, embedding_size: int) -> None:
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

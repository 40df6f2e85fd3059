"""A person's own bundle: the same models, another head, a threshold with evidence. Embeddings only, no image."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedge.bundle import Bundle, Manifest, write_bundle
from facedge.bundle.arrays import COHORT, COHORT_IDENTITIES, ENROLLED, read_array, to_npy
from facedge.bundle.layout import BACKBONES, GOLDEN_ARRAY
from facedge.errors import BundleError
from facedge.runtime.contract import HEAD, VERIFIER
from facedge.runtime.enrollment import calibration
from facedge.runtime.enrollment.fitting import Enrollment, whole_cohort
from facedge.runtime.enrollment.linear import head_bytes
from facedge.runtime.golden import GOLDEN, golden_files
from facedge.runtime.head_graph import read_head
from facedge.runtime.verifier_graph import verifier_properties, verifier_with_head


def write_personal(
    target: Path,
    bundle: Bundle,
    enrollment: Enrollment,
    enrolled: NDArray[np.float32],
    *,
    name: str,
    created_by: str,
    created: str | None,
    impostors: NDArray[np.float32] | None = None,
    impostor_people: NDArray[np.int32] | None = None,
) -> Bundle:
    """Write the person's bundle (directory 0700, files 0600), whole or not at all, and give it back as read."""
    cohort, people = whole_cohort(bundle, impostors, impostor_people)
    template = read_head(bundle.files[HEAD])
    files = {file: data for file, data in bundle.files.items() if file != GOLDEN and not GOLDEN_ARRAY.fullmatch(file)}
    files |= {
        HEAD: head_bytes(enrollment.logit, template.hidden_size),
        COHORT: to_npy(cohort),
        COHORT_IDENTITIES: to_npy(people),
        ENROLLED: to_npy(enrolled),
    }
    manifest = replace(
        bundle.manifest,
        name=name,
        enrolled=True,
        threshold=enrollment.threshold,
        calibration=calibration.evidence(enrollment.trials, enrollment.point, enrollment.link),
        metrics={**bundle.manifest.metrics, "enrollment": enrollment.figures()},
        created_by=created_by,
        created=created,
        files={},
    )
    if VERIFIER in files:
        files[VERIFIER] = verifier_with_head(files[VERIFIER], files[HEAD], _properties(manifest, files))
    files |= golden_files(Bundle(target, manifest, files, sha256=""))
    return write_bundle(target, files, manifest, private=True)


def _properties(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, str]:
    return verifier_properties(
        name=manifest.name,
        enrolled=True,
        threshold=manifest.threshold,
        spec_digest=manifest.spec_digest,
        attribute_names=manifest.attribute_names,
        licence=manifest.data.licence,
        backbone=files[BACKBONES["fp32"]],
        head=files[HEAD],
    )


def enrolled_before(bundle: Bundle) -> NDArray[np.float32]:
    """The embeddings that a personal bundle was enrolled with, float32 (K, D); BundleError where there are none."""
    if ENROLLED not in bundle.files:
        raise BundleError(
            f"{bundle.path} does not hold what it was enrolled with, so it cannot be updated: enroll anew, without "
            "--update"
        )
    found = read_array(ENROLLED, bundle.files[ENROLLED])
    if found.dtype != np.float32 or found.ndim != 2 or found.shape[1] != bundle.manifest.embedding_size:
        raise BundleError(
            f"{ENROLLED}: expected float32 (K, {bundle.manifest.embedding_size}), got {found.dtype} {found.shape}"
        )
    return found

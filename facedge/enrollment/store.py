"""Personal bundles on the disk: writing, locking and forgetting. They hold embeddings only, no image.

A person's bundle is NAME.facedge in the private data directory, or at a path of the user's choice.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from facedge.bundle import Bundle, write_bundle
from facedge.bundle.arrays import ENROLLED, read_array, to_npy
from facedge.bundle.cohort import COHORT, COHORT_IDENTITIES
from facedge.bundle.format import GOLDEN_ARRAY, MANIFEST, SEAL, SUFFIX, allowed
from facedge.bundle.head_onnx import read_head
from facedge.bundle.read import read_manifest
from facedge.bundle.resolve import data_home, known_names, private_data_home
from facedge.bundle.write import check_target
from facedge.enrollment.calibration import head_bytes
from facedge.enrollment.fit import FittedScore, Impostors, whole_cohort
from facedge.errors import BundleError, InputError
from facedge.files import leftovers, locked, storage_errors, sync
from facedge.live.lockout import attempts_file, lock_file
from facedge.runtime.embedder import HEAD, VERIFIER
from facedge.runtime.golden import GOLDEN, golden_files, golden_of_head
from facedge.runtime.verifier_onnx import fitted_verifier
from facedge.types import Float32Array

TEMPORARY = r"\.{name}\.[0-9a-f]{{12}}\.tmp(\.old)?"  # names of facedge.files.temporary_sibling


def personal_bundle(
    base: Bundle,
    fitted: FittedScore,
    enrolled: Float32Array,
    *,
    name: str,
    impostors: Impostors | None = None,
    created: str | None = None,
) -> Bundle:
    """The bundle of a person in memory: the models of `base`, the person's head, threshold and embeddings (K, D)."""
    import facedge

    cohort, people = whole_cohort(base, impostors)
    files = {file: data for file, data in base.files.items() if file != GOLDEN and not GOLDEN_ARRAY.fullmatch(file)}
    files |= {
        HEAD: head_bytes(fitted.logit, read_head(base.files[HEAD]).hidden_size),
        COHORT: to_npy(cohort),
        COHORT_IDENTITIES: to_npy(people),
        ENROLLED: to_npy(enrolled),
    }
    manifest = replace(
        base.manifest,
        name=name,
        enrolled=True,
        threshold=fitted.threshold,
        calibration=fitted.evidence,
        metrics={**base.manifest.metrics, "enrollment": fitted.figures()},
        created_by=f"facedge {facedge.__version__}",
        created=created,
        files={},
    )
    verifier = fitted_verifier(manifest, files)
    files.pop(VERIFIER, None)  # of another backbone or head: none is better than a wrong one
    if verifier is not None:
        files[VERIFIER] = verifier
    personal = Bundle(Path(name + SUFFIX), manifest, files, sha256="")
    return replace(personal, files={**files, **golden_of_head(personal, base.files)})


def write_personal(target: Path, personal: Bundle) -> Bundle:
    """Write a person's bundle with its golden vectors (directory 0700, files 0600), whole or not at all; as read."""
    golden = {} if GOLDEN in personal.files else golden_files(personal)
    return write_bundle(target, {**personal.files, **golden}, personal.manifest, private=True)


def remove_leftovers(bundle: Path) -> None:
    """Delete what interrupted enrollments of a person left beside the bundle; to be called with the person's lock held.

    Not the old bundle that a replacement was interrupted over, where no other is there.
    """
    for leftover in _leftovers(bundle):
        if leftover.suffix == ".old" and not (bundle / MANIFEST).is_file():
            continue
        for path in _files_of_leftover(leftover):
            path.rmdir() if path.is_dir() else path.unlink()


def interrupted() -> list[str]:
    """The names of people in the data directory of whom only an interrupted enrollment is left, sorted."""
    home = data_home()
    left = [re.fullmatch(TEMPORARY.format(name="(?P<name>.+)"), path.name) for path in home.glob(f".*{SUFFIX}.*")]
    names = {match["name"] for match in left if match}
    return sorted(name.removesuffix(SUFFIX) for name in names if not (home / name / MANIFEST).is_file())


def enrolled_before(bundle: Bundle) -> Float32Array:
    """The embeddings that a personal bundle was enrolled with, float32 (K, D); BundleError where there are none."""
    if ENROLLED not in bundle.files:
        raise BundleError(
            f"{bundle.path} does not hold the embeddings it was enrolled with, so it cannot be updated: enroll again, "
            "without --update"
        )
    found = read_array(ENROLLED, bundle.files[ENROLLED])
    if found.dtype != np.float32 or found.ndim != 2 or found.shape[1] != bundle.manifest.embedding_size:
        raise BundleError(
            f"{ENROLLED}: expected float32 (K, {bundle.manifest.embedding_size}), got {found.dtype} {found.shape}"
        )
    return found


def refuse_occupied(target: Path, *, replace: bool = False) -> None:
    """Raise unless a person may be enrolled at `target`: nothing is there, or an enrolled person and `replace`.

    InputError where somebody is enrolled there, BundleError for another bundle, a folder or a file.
    """
    check_target(target)
    if not (target / MANIFEST).is_file():
        return
    if _enrolled(target) is False:
        raise BundleError(
            f"{target} is a bundle that nobody is enrolled in and is not replaced: choose another name with -o"
        )
    if not replace:
        raise InputError(
            f"{target.name.removesuffix(SUFFIX)} is enrolled already ({target}): add photos with --update (in Python: "
            "enroll with onto=), or replace this person with --replace (in Python: save with replace=True)"
        )


def _enrolled(bundle: Path) -> bool | None:
    """Whether somebody is enrolled; None for a damaged bundle, since it must be possible to replace or forget it."""
    try:
        return read_manifest(bundle)[0].enrolled
    except BundleError:
        return None


@contextlib.contextmanager
def person_lock(bundle: Path) -> Iterator[None]:
    """Hold the lock of one personal bundle: enroll, update and forget of a person never run at the same time.

    The lock is the file `.NAME.facedge.lock` beside the bundle, which is deleted before the lock ends. Raises
    StorageError where the folder cannot be written.
    """
    if _in_data_directory(bundle):
        private_data_home()
    file = _lock_file(bundle)
    with storage_errors(bundle.parent):
        bundle.parent.mkdir(parents=True, exist_ok=True)
        with locked(file):
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    file.unlink()


def _lock_file(bundle: Path) -> Path:
    return bundle.with_name(f".{bundle.name}.lock")


def _in_data_directory(bundle: Path) -> bool:
    return bundle.parent.resolve() == data_home().resolve()


def forget(bundle: Path) -> list[Path]:
    """Delete a person's bundle and everything else kept about the person (`deletable`); returns what was deleted."""
    deletable(bundle)  # before the lock file is made: raises where there is nothing to delete
    with person_lock(bundle):
        found = deletable(bundle)
        for path in found:
            path.rmdir() if path.is_dir() else path.unlink()
        sync(bundle.parent)
    return found


def deletable(bundle: Path) -> list[Path]:
    """What `forget` deletes, in order: the bundle, leftovers of interrupted writes, and the count of failed attempts.

    Raises BundleError where there is nothing to delete, and for a folder that is not a personal bundle: one with any
    file that the format does not know, one that nobody is enrolled in, and, outside the data directory, a damaged one
    without enrolled embeddings.
    """
    found = _files_of_bundle(bundle) if os.path.lexists(bundle) else []
    attempts = attempts_file(bundle)
    for leftover in (*_leftovers(bundle), *_leftovers(attempts)):
        found += _files_of_leftover(leftover)
    found += [path for path in (attempts, lock_file(attempts)) if path.is_file()]
    if not found and _lock_file(bundle).is_file():  # an enrollment was killed before it wrote anything
        return [_lock_file(bundle)]
    if not found:
        raise BundleError(f"{bundle}: no personal bundle there; enrolled in {data_home()}: {known_names()}")
    return found


def _files_of_bundle(bundle: Path) -> list[Path]:
    """The files of a personal bundle and then the directory; manifest.json first, so that a part is never a bundle."""
    if bundle.is_symlink() or not bundle.is_dir() or bundle.suffix != SUFFIX:
        raise BundleError(
            f"{bundle}: no personal bundle there (a directory NAME{SUFFIX}), so nothing was deleted; enrolled in "
            f"{data_home()}: {known_names()}"
        )
    entries = list(os.scandir(bundle))
    foreign = [entry.name for entry in entries if not (_known(entry.name) and entry.is_file(follow_symlinks=False))]
    if foreign:
        raise BundleError(
            f"{bundle} holds {min(foreign)[:80]!r}, which is no file of a personal bundle, so nothing was deleted: "
            "check the path, or move that file away"
        )
    names, enrolled = {entry.name for entry in entries}, _enrolled(bundle)
    if enrolled is False:
        raise BundleError(f"{bundle}: nobody is enrolled in this bundle, so nothing was deleted")
    if enrolled is None and ENROLLED not in names and not _in_data_directory(bundle):
        raise BundleError(
            f"{bundle} is damaged and holds no {ENROLLED}, so it may be no personal bundle and nothing was deleted: "
            "delete the directory yourself"
        )
    place = {MANIFEST: 0, SEAL: 1, ENROLLED: 3}
    ordered = sorted(names, key=lambda name: (place.get(name, 2), name))
    return [*(bundle / name for name in ordered), bundle]


def _known(name: str) -> bool:
    return name in (MANIFEST, SEAL) or allowed(name)


def _leftovers(path: Path) -> list[Path]:
    pattern = re.compile(TEMPORARY.format(name=re.escape(path.name)))
    return [found for found in leftovers(path) if pattern.fullmatch(found.name) and not found.is_symlink()]


def _files_of_leftover(leftover: Path) -> list[Path]:
    """A temporary file, or a temporary directory after its files; a directory that holds anything else stays."""
    if not leftover.is_dir():
        return [leftover]
    inside = sorted(leftover.iterdir())
    temporary = re.compile(TEMPORARY.format(name="(?P<name>.+)"))
    for path in inside:
        match = temporary.fullmatch(path.name)
        if not _known(match["name"] if match else path.name) or path.is_dir() or path.is_symlink():
            return []
    return [*inside, leftover]

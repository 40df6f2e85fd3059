"""`facedge bundle convert`: give an older bundle the verifier.onnx and the calibration table that every bundle has now.

A device without the onnx package converts what was enrolled with the package's own backbone; joining the graphs of
another backbone needs onnx.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from facedge.bundle import Bundle, Manifest, read_bundle, write_bundle
from facedge.bundle.read import read_manifest
from facedge.bundle.write import check_target
from facedge.enrollment.store import person_lock
from facedge.errors import BundleError, InputError, MissingDependencyError
from facedge.runtime.embedder import VERIFIER
from facedge.runtime.golden import GOLDEN, check_golden, with_verifier_answers
from facedge.runtime.verifier_onnx import check_verifier, fitted_verifier
from facedge.types import Track, untracked


def convert_bundle(
    path: Path, output: Path | None = None, *, faces: Path | None = None, track: Track = untracked
) -> tuple[Bundle, bool]:
    """Write the bundle at `path` with a verifier.onnx of its backbone and head, to `output` or in its own place.

    faces: a prepared dataset, from whose validation people calibration.json is made anew; None leaves that as it is.

    Models, threshold, cohort and the other golden vectors keep their bytes. Returns the bundle as it is on the disk,
    and whether a file had to be made. A bundle that has a verifier.onnx that fits is left alone, or copied to `output`.

    Raises InputError where `output` exists, BundleError for a damaged bundle, DatasetError for faces that cannot be
    read, MissingDependencyError where the onnx package is needed and missing, StorageError when the disk cannot be
    written. Nothing is written before its check.
    """
    target = output or path
    check_target(target)
    if output is not None and output.exists():
        raise InputError(f"{output} exists: choose another name with -o, or leave -o out to convert in place")
    read_manifest(path)  # before the lock file is made, in a folder that may not even exist
    with person_lock(target):
        bundle = read_bundle(path)
        made = not _complete(bundle)
        if not made and output is None and faces is None:
            return bundle, False
        files = _converted(bundle) if made else dict(bundle.files)
        if faces is not None:
            files |= _table(bundle, faces, track)
            made = True
        return write_bundle(target, files, bundle.manifest, private=bundle.manifest.enrolled), made


def _table(bundle: Bundle, faces: Path, track: Track) -> dict[str, bytes]:
    from facedge.dataset.prepared import Faces  # late: converting alone needs neither dataset nor Pillow
    from facedge.export.calibration_table import table_files

    found = table_files(bundle, Faces.open(faces), track=track)
    if not found:
        raise BundleError(f"{bundle.path.name} has a cohort of too few people for a calibration table: export it again")
    return found


def _complete(bundle: Bundle) -> bool:
    """Whether the bundle's verifier.onnx is of its backbone, head and manifest, and golden.json has its outputs."""
    if VERIFIER not in bundle.files:
        return False
    try:
        _check(bundle)
    except BundleError:
        return False
    return True


def _converted(bundle: Bundle) -> dict[str, bytes]:
    files = {**bundle.files, VERIFIER: _verifier(bundle.manifest, bundle.files)}
    if GOLDEN in files:
        files[GOLDEN] = with_verifier_answers(replace(bundle, files=files))
    _check(replace(bundle, files=files))
    return files


def _check(bundle: Bundle) -> None:
    check_verifier(bundle)
    if GOLDEN in bundle.files:
        check_golden(bundle)


def _verifier(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    found = fitted_verifier(manifest, files)
    if found is not None:
        return found
    try:
        from facedge.export.verifier_graph import joined_verifier
    except ModuleNotFoundError as missing:
        raise MissingDependencyError(
            f"{manifest.name} has another backbone than the package's own, so joining its graphs needs "
            f"{missing.name}: pip install 'facedge[train]', or convert it where that is installed"
        ) from missing
    return joined_verifier(manifest, files)

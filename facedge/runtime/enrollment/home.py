"""Where personal bundles live: a directory of one's own, 0700, after the XDG Base Directory Specification."""

import hashlib
import os
import re
import shutil
from pathlib import Path

from facedge.bundle.layout import MANIFEST, SUFFIX
from facedge.bundle.reading import read_manifest
from facedge.errors import BundleError, InputError

NAME = re.compile(r"[^\W_][\w .-]{0,99}")  # letters of any script; no separator, no leading dot


def data_home() -> Path:
    """$XDG_DATA_HOME/facedge, or ~/.local/share/facedge; not created here."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "share"
    return root / "facedge"


def private_home() -> Path:
    """The same, made if it is missing, and closed to everybody else."""
    home = data_home()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_mode & 0o077:
        home.chmod(0o700)
    return home


def checked_name(name: str) -> str:
    """The name of a person as a file may carry it; InputError for another."""
    plain = name.removesuffix(SUFFIX)
    if not NAME.fullmatch(plain):
        raise InputError(f"expected a name of letters, digits, blanks, dots and dashes, got {name!r}")
    return plain


def bundle_of(name: str) -> Path:
    """Where the bundle of the person called `name` is, or would be."""
    return data_home() / f"{checked_name(name)}{SUFFIX}"


def people() -> list[Path]:
    """The personal bundles in the data directory, sorted."""
    home = data_home()
    return sorted(path for path in home.glob(f"*{SUFFIX}") if (path / MANIFEST).is_file()) if home.is_dir() else []


def resolve(bundle: Path | None) -> Path | None:
    """The bundle meant on the command line: a path that exists, a person's name, or the only person there is."""
    if bundle is None:
        known = people()
        return known[0] if len(known) == 1 else None
    if bundle.exists() or len(bundle.parts) != 1 or not NAME.fullmatch(bundle.name.removesuffix(SUFFIX)):
        return bundle
    named = bundle_of(bundle.name)
    return named if named.is_dir() else bundle


def attempts_file(bundle: Path) -> Path:
    """Where failed attempts at a bundle are counted: in the data directory, by the bundle's place."""
    key = hashlib.sha256(os.fsencode(bundle.resolve())).hexdigest()[:16]
    return data_home() / f"attempts-{key}.json"


def forget(bundle: Path) -> list[Path]:
    """Delete a personal bundle and the count of failed attempts at it; what was deleted, file by file.

    Raises BundleError where there is no bundle, or one that nobody is enrolled in.
    """
    if bundle.is_symlink() or not (bundle / MANIFEST).is_file():
        known = ", ".join(path.stem for path in people()) or "nobody"
        raise BundleError(f"{bundle}: no personal bundle there; enrolled in {data_home()}: {known}")
    if not _enrolled(bundle):
        raise BundleError(f"{bundle}: nobody is enrolled in this bundle, so there is nobody to forget")
    attempts = attempts_file(bundle)
    deleted = sorted(path for path in bundle.rglob("*") if not path.is_dir())
    shutil.rmtree(bundle)
    deleted.append(bundle)
    if attempts.is_file():
        attempts.unlink()
        deleted.append(attempts)
    return deleted


def _enrolled(bundle: Path) -> bool:
    """Whether somebody is enrolled; a damaged bundle counts as a person's, for it must be possible to forget it."""
    try:
        return read_manifest(bundle)[0].enrolled
    except BundleError:
        return True

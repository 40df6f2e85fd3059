"""Moved: facedge.bundle.resolve."""

from pathlib import Path

from facedge.bundle.resolve import bundle_of, people
from facedge.errors import InputError


def resolve(bundle: Path | None) -> Path | None:
    """Moved: `resolve_person` takes its place once --bundle is text."""
    if bundle is None:
        known = people()
        return known[0] if len(known) == 1 else None
    if bundle.exists() or len(bundle.parts) != 1:
        return bundle
    try:
        named = bundle_of(bundle.name)
    except InputError:
        return bundle
    return named if named.is_dir() else bundle

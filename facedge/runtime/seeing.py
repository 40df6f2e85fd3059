"""Moved: facedge.runtime.embedder."""

from facedge.faces.crop import Photo as Photo
from facedge.faces.options import MIN_FACE, FaceOptions, Policy
from facedge.runtime.embedder import Embedder as Embedder
from facedge.runtime.embedder import FaceEmbedding as Seen
from facedge.runtime.embedder import embed_crop as see_located
from facedge.runtime.embedder import embed_photo

__all__ = ["Photo", "Seen", "see", "see_located"]


def see(
    embedder: Embedder,
    photo: Photo,
    *,
    faces: Policy = "largest",
    aligned: bool | None = None,
    min_face: float | None = None,
) -> Seen:
    """Renamed: embed_photo(embedder, photo, FaceOptions(faces, min_face), aligned=aligned)."""
    options = FaceOptions(faces, MIN_FACE if min_face is None else min_face)
    return embed_photo(embedder, photo, options, aligned=aligned)

"""Photos or frames -> the samples that enroll a person: of good quality, and different from each other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from facedge.enrollment.duplicates import Fingerprint, find_copies, fingerprint
from facedge.enrollment.fit import Impostors
from facedge.errors import ImageError, InputError
from facedge.faces.crop import read_photo
from facedge.faces.options import FaceOptions
from facedge.faces.plausible import LEAST_PHOTOS, median_stretch
from facedge.faces.quality import ADVICE, Measures, fault, measure
from facedge.runtime.embedder import Embedder, embed_photo
from facedge.types import Box, Float32Array, Track, untracked

Photo: TypeAlias = Any  # a path, the bytes of an image file, a PIL image, or uint8 RGB (H, W, 3) or grey (H, W)
Photos: TypeAlias = Any  # a folder, one Photo, or an iterable of Photos

ONE_PERSON = FaceOptions(policy="only")
MOST_SAMPLES = 20
TOO_ALIKE = 0.995  # cosine: two frames of a face that holds still in the same light
MEASURABLE = (None, "distorted")  # faults of photos whose stretch counts


@dataclass(frozen=True)
class Sample:
    """One good view of a face.

    embedding    float32 (D,)
    source       the name of its photo
    measures     the quality measures of its crop
    fingerprint  by which copies of the photo are found; None where there are none to look for
    """

    embedding: Float32Array
    source: str
    measures: Measures
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True)
class CheckedPhoto:
    """A photo or frame: its sample, or the fault that excludes it, a key of ADVICE or an error message.

    box      of the face, (x0, y0, x1, y1) in pixels of the photo; None where there is none, or the photo came aligned
    stretch  of the face, as facedge.faces.plausible measures it; None where no face was measured
    """

    source: str
    sample: Sample | None
    fault: str | None
    box: Box | None = None
    stretch: float | None = None

    @property
    def advice(self) -> str:
        """What to do about the fault, "" where there is none."""
        return ADVICE.get(self.fault or "", self.fault or "")


def check_photo(
    embedder: Embedder, photo: Photo, source: str, options: FaceOptions = ONE_PERSON, *, copies: bool = True
) -> CheckedPhoto:
    """Find, check and embed the face in a photo; by default several faces are a fault.

    copies: whether the sample has a fingerprint, by which copies of the photo are found; frames of a camera need none.
    Raises InputError for a photo that is of none of the kinds, MissingDependencyError without a face detector.
    """
    try:
        image = read_photo(photo)
        seen = embed_photo(embedder, image, options)
    except ImageError as problem:
        return CheckedPhoto(source, None, str(problem))
    crop, box = seen.located.crop, seen.located.box
    if crop is None or seen.embedding is None:
        dark = crop is not None and seen.reason == "low_quality"
        return CheckedPhoto(source, None, "dark" if dark else seen.reason, box, seen.located.stretch)
    measures = measure(crop, seen.located.landmarks)
    if found := fault(measures):
        return CheckedPhoto(source, None, found, box, seen.located.stretch)
    found_by = fingerprint(crop, embedder.embed(crop[None, :, ::-1])[0]) if copies else None
    sample = Sample(seen.embedding, source, measures, found_by)
    return CheckedPhoto(source, sample, None, box, seen.located.stretch)


def check_photos(
    embedder: Embedder, photos: Photos, options: FaceOptions = ONE_PERSON, track: Track = untracked
) -> list[CheckedPhoto]:
    """Every photo of a folder and its subfolders, sorted by path, or every given photo in order.

    A file that cannot be decoded is a fault of its own. Raises InputError where there is no photo.
    """
    named = list_photos(photos)
    return [check_photo(embedder, photo, source, options) for photo, source in track(named, "photos", len(named))]


def list_photos(photos: Photos) -> list[tuple[Photo, str]]:
    """(photo, its name) for each photo: the path, a PIL image's file name, or "photo 3" for the third one."""
    if isinstance(photos, str) and not photos.strip():  # as a path it would mean the working folder
        raise InputError("expected a folder or photos of one person, got an empty value: name a folder")
    if isinstance(photos, str | Path) and not Path(photos).is_file():
        return [(path, str(path)) for path in _images_in(Path(photos))]
    single = isinstance(photos, str | Path | bytes) or _is_image(photos)
    if not single and not isinstance(photos, Iterable):
        raise InputError(f"expected a folder or photos of one person, got {type(photos).__name__}")
    found = [photos] if single else list(photos)
    if not found:
        raise InputError("expected at least one photo, got none: give a folder, or photos of one person")
    return [(photo, _name(photo, number)) for number, photo in enumerate(found, start=1)]


def _images_in(folder: Path) -> list[Path]:
    from facedge.image_folders import find_images

    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of photos, got nothing")
    found = find_images(folder)
    if not found:
        raise InputError(f"{folder}: no images in this folder: put photos of one person there")
    return found


def _is_image(photo: object) -> bool:
    return hasattr(photo, "convert") or (isinstance(photo, np.ndarray) and photo.ndim < 4)


def _name(photo: Photo, number: int) -> str:
    if isinstance(photo, str | Path):
        return str(photo)
    return str(getattr(photo, "filename", "")) or f"photo {number}"


def distinct(samples: Sequence[Sample]) -> tuple[list[Sample], dict[str, str]]:
    """The samples without copies of a photo, and the name of each copy with that of its original."""
    copies = find_copies([sample.fingerprint for sample in samples])
    names = {samples[copy].source: samples[original].source for copy, original in copies.items()}
    return [sample for number, sample in enumerate(samples) if number not in copies], names


def select_varied(samples: Sequence[Sample], most: int = MOST_SAMPLES) -> list[Sample]:
    """At most `most` samples, as different from each other as possible, in their own order.

    Farthest-first traversal (T. F. Gonzalez, 1985) from the sample nearest to the mean; near copies are left out.
    """
    if not samples:
        return []
    x = np.stack([sample.embedding for sample in samples]).astype(np.float64)
    kept = [int(np.argmax(x @ x.mean(axis=0)))]
    nearest = x @ x[kept[0]]
    while len(kept) < min(most, len(samples)):
        farthest = int(np.argmin(nearest))
        if nearest[farthest] > TOO_ALIKE:
            break
        kept.append(farthest)
        nearest = np.maximum(nearest, x @ x[farthest])
    return [samples[index] for index in sorted(kept)]


def stretch_of(checked: Iterable[CheckedPhoto], *, frames: bool = False) -> float:
    """The median stretch of the photos of one person, those refused as distorted too; 0 where it cannot be told.

    One photo cannot tell; one of a camera's `frames` can, as it carries the median of all of them.
    """
    found = (photo.stretch for photo in checked if photo.stretch is not None and photo.fault in MEASURABLE)
    return median_stretch(found, 1 if frames else LEAST_PHOTOS)


def stack_embeddings(samples: Iterable[Sample]) -> Float32Array:
    """float32 (K, D)."""
    return np.stack([sample.embedding for sample in samples]).astype(np.float32)


def stack_mirrored(samples: Iterable[Sample]) -> Float32Array:
    """The embeddings of their mirror images, float32 (K, D); a frame's own, which has none."""
    views = (one.embedding if one.fingerprint is None else one.fingerprint.mirrored for one in samples)
    return np.stack(list(views)).astype(np.float32)


def summarise_faults(checked: Iterable[CheckedPhoto]) -> str:
    """The faults of the photos that gave no sample, counted, such as "3 x no face found, 2 x hold still"."""
    counts = Counter(photo.advice for photo in checked if photo.sample is None)
    return ", ".join(f"{count} x {advice}" for advice, count in counts.most_common())


def embed_impostors(embedder: Embedder, photos: Photos) -> Impostors:
    """The faces in photos of people the user knows, the largest in each.

    Of a folder, each folder inside holds photos of one person, and a photo directly in it is a person of its own, as is
    every photo that is given otherwise. Copies of a photo count once. Raises InputError where no photo shows a usable
    face.
    """
    checked = check_photos(embedder, photos, FaceOptions())
    good = distinct([photo.sample for photo in checked if photo.sample is not None])[0]
    if not good:
        where = f"{photos}: " if isinstance(photos, str | Path) else ""
        raise InputError(f"{where}no face to use as an impostor ({summarise_faults(checked)}): add other photos")
    sources = [sample.source for sample in good]
    if isinstance(photos, str | Path) and Path(photos).is_dir():
        inside = [Path(source).relative_to(photos) for source in sources]
        sources = [str(path) if len(path.parts) == 1 else path.parts[0] + "/" for path in inside]
    codes = np.unique(sources, return_inverse=True)[1].astype(np.int32)
    fingerprints = tuple(sample.fingerprint for sample in good)
    return Impostors(stack_embeddings(good), codes, tuple(sample.source for sample in good), fingerprints)

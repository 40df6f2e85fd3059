"""Photos or frames -> the samples that enroll a person: of good quality, and different from each other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from facedge.enrollment.duplicates import Box, Fingerprint, find_copies, fingerprint
from facedge.enrollment.fit import Impostors, person_threshold
from facedge.errors import ImageError, InputError
from facedge.faces.crop import read_photo
from facedge.faces.options import FaceOptions
from facedge.faces.quality import ADVICE, Measures, fault, measure
from facedge.runtime.embedder import Embedder, embed_photo
from facedge.types import Float32Array, Track, UInt8Array, untracked

Photo: TypeAlias = Any  # a path, the bytes of an image file, a PIL image, or uint8 RGB (H, W, 3) or grey (H, W)
Photos: TypeAlias = Any  # a folder, one Photo, or an iterable of Photos

ONE_PERSON = FaceOptions(policy="only")
MOST_SAMPLES = 20
# A camera's frames are of one face as long as it is found again within LONGEST_GAP, less than two people need to change
# places, and within MOST_MOVE face widths: a head that turns before a camera moves 0.84 widths in a second.
LONGEST_GAP = 2.0  # seconds
MOST_MOVE = 1.0  # widths of the face, from one frame with a face to the next
MOST_GROWTH = 2.0  # of that width, either way
TOO_ALIKE = 0.995  # cosine: two frames of a face that holds still in the same light
NEW_ENOUGH = 0.97  # cosine to every kept frame below this: pose, expression or light changed


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

    box: of the face, (x0, y0, x1, y1) in pixels of the photo; None where there is none, or the photo came aligned.
    """

    source: str
    sample: Sample | None
    fault: str | None
    box: Box | None = None

    @property
    def advice(self) -> str:
        """What to do about the fault, "" where there is none."""
        return ADVICE.get(self.fault or "", self.fault or "")


def check_photo(embedder: Embedder, photo: Photo, source: str, options: FaceOptions = ONE_PERSON) -> CheckedPhoto:
    """Find, check and embed the face in a photo; by default several faces are a fault.

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
        return CheckedPhoto(source, None, "dark" if dark else seen.reason, box)
    measures = measure(crop, seen.located.landmarks)
    found = fault(measures)
    if found:
        return CheckedPhoto(source, None, found, box)
    copies = fingerprint(seen.embedding, crop, box, image.shape)
    return CheckedPhoto(source, Sample(seen.embedding, source, measures, copies), None, box)


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
    from facedge.image_files import find_images

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


def stack_embeddings(samples: Iterable[Sample]) -> Float32Array:
    """float32 (K, D)."""
    return np.stack([sample.embedding for sample in samples]).astype(np.float32)


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


@dataclass
class Run:
    """The frames of one face before a camera, followed without a jump.

    kept   samples that differ from each other
    total  the sum of the embeddings of all good frames, of which there are `good`
    """

    kept: list[Sample]
    total: Float32Array
    good: int = 0

    def cosine(self, embedding: Float32Array) -> float:
        """The cosine of an embedding (D,) to the mean of the run, 1 before its first frame."""
        length = float(np.linalg.norm(self.total))
        return float(embedding @ self.total) / length if length > 0 else 1.0


class Guide:
    """Collects samples of one face frame after frame and advises the person.

    Good frames that differ from those kept are kept. Where place, time or identity jump, collecting starts over with
    the new face; the face that was followed for most frames is the one enrolled. A frame is of another person when its
    cosine to the mean of the run is below the threshold that the cohort gives for a FAR of 0.1 %: 0.50 with the bundle
    inside the package, where the frames of one video have 0.84 and more, and other people against it 0.32 at most.
    """

    def __init__(self, embedder: Embedder, *, wanted: int = MOST_SAMPLES, options: FaceOptions = ONE_PERSON) -> None:
        """Start with no samples; `wanted` of them are enough. Raises BundleError where the bundle has no cohort."""
        self._embedder, self._wanted, self._options = embedder, wanted, options
        self._least_cosine = person_threshold(embedder.bundle)
        self._runs = [self._new_run()]
        self._last: tuple[float, Box | None] | None = None  # seconds and box of the latest frame with a face
        self.frames = 0
        self.advice_is_new = False
        self._advice = ""
        self._faulty: list[CheckedPhoto] = []

    @property
    def kept(self) -> list[Sample]:
        """The samples of the face that was followed for most frames."""
        return self._longest.kept

    @property
    def good(self) -> int:
        """The number of good frames of that face."""
        return self._longest.good

    @property
    def starts(self) -> int:
        """How often collecting started over."""
        return len(self._runs) - 1

    @property
    def done(self) -> bool:
        """Whether enough samples of that face are kept."""
        return len(self.kept) >= self._wanted

    @property
    def faults(self) -> str:
        """The faults of the frames that gave no sample, counted."""
        return summarise_faults(self._faulty) or "no frame came"

    def add_frame(self, image: UInt8Array, source: str, seconds: float = 0.0) -> str:
        """Check one frame, uint8 RGB (H, W, 3), taken at `seconds`; returns advice, "good" where it was kept."""
        checked = check_photo(self._embedder, image, source, self._options)
        self.frames += 1
        jump = self._jump(checked, seconds)
        if jump:
            self._runs.append(self._new_run())
        if checked.box is not None or checked.sample is not None:
            self._last = seconds, checked.box
        advice = checked.advice
        if checked.sample is None:
            self._faulty.append(checked)
        else:
            advice = self._collect(checked.sample)
        return self._advise(f"{jump}: starting over" if jump else advice)

    def _jump(self, checked: CheckedPhoto, seconds: float) -> str:
        """What says that this frame's face is not the one followed so far; "" where nothing does."""
        run = self._runs[-1]
        if not run.good or self._last is None or (checked.sample is None and checked.box is None):
            return ""
        if seconds - self._last[0] > LONGEST_GAP:
            return f"no face for {seconds - self._last[0]:.1f} seconds"
        if checked.sample is not None and run.cosine(checked.sample.embedding) < self._least_cosine:
            return "another person before the camera"
        return "the face moved too far between two frames" if _moved(self._last[1], checked.box) else ""

    def _collect(self, sample: Sample) -> str:
        run = self._runs[-1]
        run.good += 1
        run.total = run.total + sample.embedding
        if any(float(sample.embedding @ old.embedding) > NEW_ENOUGH for old in run.kept):
            return "turn your head a little, smile, or change the light"
        run.kept.append(sample)
        return "good"

    def _advise(self, advice: str) -> str:
        self.advice_is_new = advice not in (self._advice, "good")
        self._advice = advice if advice != "good" else self._advice
        return advice

    def _new_run(self) -> Run:
        return Run([], np.zeros(self._embedder.embedding_size, np.float32))

    @property
    def _longest(self) -> Run:
        return max(self._runs, key=lambda run: run.good)


def _moved(last: Box | None, box: Box | None) -> bool:
    """Whether a face jumped from one box to the next, in place or size."""
    if last is None or box is None:
        return False
    width, wide = last[2] - last[0], box[2] - box[0]
    across = (box[0] + box[2] - last[0] - last[2]) / 2
    down = (box[1] + box[3] - last[1] - last[3]) / 2
    return float(np.hypot(across, down)) > MOST_MOVE * max(width, wide) or not (
        1 / MOST_GROWTH <= wide / max(width, 1e-9) <= MOST_GROWTH
    )

"""Photos or frames -> the samples that enroll a person: good ones, and different from each other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.errors import ImageError, InputError
from facedge.runtime.embedder import Embedder, Floats
from facedge.runtime.enrollment import gates
from facedge.runtime.seeing import Photo, see

if TYPE_CHECKING:
    from facedge.detection import Policy

MOST_SAMPLES = 20
TOO_ALIKE = 0.995  # cosine: two frames of a face that holds still in the same light
NEW_ENOUGH = 0.97  # cosine to every kept frame below this: something changed


@dataclass(frozen=True)
class Sample:
    """One good look at a face: embedding float32 (D,), where it came from, and the measures of its crop."""

    embedding: Floats
    source: str
    measures: gates.Measures


@dataclass(frozen=True)
class Look:
    """What one photo or frame gave: a sample, or the fault (a key of gates.ADVICE) that keeps it from being one."""

    source: str
    sample: Sample | None
    fault: str | None

    @property
    def advice(self) -> str:
        """What to do about the fault, "" where there is none."""
        return gates.ADVICE.get(self.fault or "", self.fault or "")


def look_at(embedder: Embedder, photo: Photo, source: str, *, faces: "Policy" = "only") -> Look:
    """Find, judge and embed the face in a photo. `faces` as in `see`: by default several faces are a fault."""
    seen = see(embedder, photo, faces=faces)
    crop = seen.located.crop
    if crop is None or seen.embedding is None:
        dark = crop is not None and seen.reason == "low_quality"
        return Look(source, None, "dark" if dark else seen.reason)
    found = gates.measure(crop, seen.located.landmarks)
    problem = gates.fault(found)
    return Look(source, None if problem else Sample(seen.embedding, source, found), problem)


def look_at_folder(embedder: Embedder, folder: Path, *, faces: "Policy" = "only") -> list[Look]:
    """Every image in a folder and its folders, in order; a file that is no image is a fault of its own."""
    from facedge.imaging import find_images

    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of photos, got {'a file' if folder.exists() else 'nothing'}")
    paths = find_images(folder)
    if not paths:
        raise InputError(f"{folder}: no images in this folder: put photos of one person there")
    return [_look_at_file(embedder, path, faces) for path in paths]


def _look_at_file(embedder: Embedder, path: Path, faces: "Policy") -> Look:
    try:
        return look_at(embedder, path, str(path), faces=faces)
    except ImageError as problem:
        return Look(str(path), None, str(problem))


def varied(samples: Sequence[Sample], most: int = MOST_SAMPLES) -> list[Sample]:
    """At most `most` samples, as different from each other as they come, in their own order.

    Farthest first (T. F. Gonzalez, 1985) from the one in the middle; near copies of a kept one are left out.
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


def embeddings_of(samples: Iterable[Sample]) -> NDArray[np.float32]:
    """float32 (K, D)."""
    return np.stack([sample.embedding for sample in samples]).astype(np.float32)


def faults_in_words(looks: Iterable[Look]) -> str:
    """Such as "3 no face found, 2 hold still": what was wrong with the looks that gave no sample."""
    counts = Counter(look.advice for look in looks if look.sample is None)
    return ", ".join(f"{count} x {advice}" for advice, count in counts.most_common())


def look_at_impostors(embedder: Embedder, folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int32], list[Look]]:
    """(embeddings (M, D), who is who (M,), all looks) of the people one meets.

    A folder inside `folder` holds photos of one person; a photo directly in `folder` is a person of its own.
    """
    looks = look_at_folder(embedder, folder, faces="largest")
    good = [look.sample for look in looks if look.sample is not None]
    if not good:
        raise InputError(f"{folder}: no face to use as an impostor ({faults_in_words(looks)}): bring other photos")
    inside = [Path(sample.source).relative_to(folder) for sample in good]
    keys = [str(path) if len(path.parts) == 1 else path.parts[0] + "/" for path in inside]
    codes = np.unique(keys, return_inverse=True)[1]
    return embeddings_of(good), codes.astype(np.int32), looks


class Guide:
    """Frame after frame: keeps those that are good and differ from the kept ones, and says what to do next."""

    def __init__(self, embedder: Embedder, *, wanted: int = MOST_SAMPLES, faces: "Policy" = "only") -> None:
        """Start with nothing kept."""
        self._embedder, self._wanted, self._faces = embedder, wanted, faces
        self.kept: list[Sample] = []
        self.looked = self.good = 0
        self.advice_is_new = False
        self._advice = ""
        self._looks: list[Look] = []

    @property
    def done(self) -> bool:
        """Whether enough samples are kept."""
        return len(self.kept) >= self._wanted

    @property
    def faults(self) -> str:
        """What was wrong with the frames that gave no sample, in words."""
        return faults_in_words(self._looks) or "no frame came"

    def look(self, image: NDArray[np.uint8], source: str) -> str:
        """Judge one frame; returns what the person should do, "" or praise where nothing is wrong."""
        found = look_at(self._embedder, image, source, faces=self._faces)
        self.looked += 1
        if found.sample is None:
            self._looks.append(found)
            return self._say(found.advice)
        self.good += 1
        new = found.sample.embedding
        if any(float(new @ old.embedding) > NEW_ENOUGH for old in self.kept):
            return self._say("turn your head a little, smile, or change the light")
        self.kept.append(found.sample)
        return self._say("good")

    def _say(self, advice: str) -> str:
        self.advice_is_new = advice not in (self._advice, "good")
        self._advice = advice if advice != "good" else self._advice
        return advice

"""Frames of a camera -> the samples that enroll the one person before it, with advice meanwhile."""

from dataclasses import dataclass, replace

import numpy as np

from facedge.enrollment.calibration import MOST_ENROLLED
from facedge.enrollment.capture import (
    MEASURABLE,
    MOST_SAMPLES,
    ONE_PERSON,
    CheckedPhoto,
    Sample,
    check_photo,
    summarise_faults,
)
from facedge.enrollment.fit import calibrate
from facedge.faces.boxes import movement
from facedge.faces.options import FaceOptions
from facedge.faces.plausible import REFUSAL, median_stretch, squeeze_fault
from facedge.runtime.embedder import Embedder
from facedge.types import Box, Float32Array, UInt8Array

NEW_ENOUGH = 0.97  # cosine to every kept frame below this: pose, expression or light changed
# A camera's frames are of one face as long as it is found again within LONGEST_GAP, less than two people need to change
# places, and within MOST_MOVE face widths: a head that turns before a camera moves 0.84 widths in a second.
LONGEST_GAP = 2.0  # seconds
MOST_MOVE = 1.0  # widths of the face, from one frame with a face to the next
MOST_GROWTH = 2.0  # of that width, either way


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
        self._embedder, self._wanted, self._options = embedder, wanted, replace(options, turn=False)
        self._least_cosine = calibrate(embedder.bundle, MOST_ENROLLED).chosen.cosine
        self._runs = [self._new_run()]
        self._last: tuple[float, Box | None] | None = None  # seconds and box of the latest frame with a face
        self.frames = 0
        self.advice_is_new = False
        self._advice = ""
        self._faulty: list[CheckedPhoto] = []
        self._stretches: list[float] = []

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
        squeezed = squeeze_fault(median_stretch(self._stretches), REFUSAL)
        return "; ".join(filter(None, [summarise_faults(self._faulty) or "no frame came", squeezed]))

    def checked(self) -> list[CheckedPhoto]:
        """The kept samples, each with the median stretch of all frames."""
        stretched = median_stretch(self._stretches)
        return [CheckedPhoto(sample.source, sample, None, stretch=stretched) for sample in self.kept]

    def add_frame(self, image: UInt8Array, source: str, seconds: float = 0.0) -> str:
        """Check one frame, uint8 RGB (H, W, 3), taken at `seconds`; returns advice, "good" where it was kept."""
        checked = check_photo(self._embedder, image, source, self._options, copies=False)
        self.frames += 1
        if checked.stretch is not None and checked.fault in MEASURABLE:
            self._stretches.append(checked.stretch)
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
    moved, growth = movement(last, box)
    return not (moved <= MOST_MOVE and 1 / MOST_GROWTH <= growth <= MOST_GROWTH)

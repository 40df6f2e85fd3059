"""What may be held before a camera during a liveness challenge: a head that turns, photos, a video. Rendered.

    subject = Subject(verifier, image, landmarks)
    outcome = present(subject, held_still(subject), side="left", rng=rng)

A presentation is called for every frame, with what it may know.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from head_turns import Points, Surface, head, turned
from PIL import Image, ImageOps

from facedge.camera.source import Frame
from facedge.faces.crop import find_crop
from facedge.faces.pose import eye_distance
from facedge.live.challenge import Side
from facedge.live.watcher import Watcher
from facedge.runtime.verifier import Verifier
from facedge.types import UInt8Array

RATE = 10.0  # frames a second
LONGEST = 12.0  # seconds of a presentation
STEP = 3  # degrees between the pictures that are rendered
EYES = 60.0  # pixels between the eyes
HEAD = head()

# (seconds since the challenge began, sign of its side, whether it asks to turn back) -> what is before the camera
Picture = Callable[[float, int, bool], UInt8Array | None]


@dataclass
class Subject:
    """A person: the verifier that they are enrolled in, one straight picture of them and its landmarks."""

    verifier: Verifier
    image: UInt8Array
    points: Points
    _made: dict[tuple[str, int], UInt8Array] = field(default_factory=dict)

    def head(self, degrees: float) -> UInt8Array:
        """The head turned by so many degrees from straight ahead."""
        return self.surface("head", HEAD, degrees)

    def surface(self, name: str, surface: Surface, degrees: float, tilt: float = 0.0) -> UInt8Array:
        """A photo or the head turned by so many degrees, about an axis that leans by `tilt`; `name` is its own."""
        angle = STEP * round(degrees / STEP)
        if (name, angle) not in self._made:
            self._made[name, angle] = turned(self.image, self.points, angle, surface, tilt)
        return self._made[name, angle]


def subject_of(verifier: Verifier, image: UInt8Array) -> Subject | None:
    """The largest face of a picture with its surroundings, about EYES pixels between its eyes; None without a face."""
    found = find_crop(image, aligned=False)
    if found.box is None or found.landmarks is None:
        return None
    if eye_distance(found.landmarks) > 1.1 * EYES:
        smaller = ImageOps.scale(Image.fromarray(image), EYES / eye_distance(found.landmarks))
        return subject_of(verifier, np.asarray(smaller))
    x0, y0, x1, y1 = found.box
    margin = 0.7 * max(x1 - x0, y1 - y0)
    left, top = (max(0, round(value - margin)) for value in (x0, y0))
    part = image[top : round(y1 + margin), left : round(x1 + margin)]
    return Subject(verifier, np.ascontiguousarray(part), tuple((x - left, y - top) for x, y in found.landmarks))


def present(subject: Subject, picture: Picture, *, side: Side, rng: np.random.Generator) -> str:
    """Hold something before the camera until the first decision: "accept", or why not."""
    watcher = Watcher(subject.verifier, challenge=True, choose=lambda: side)
    began, sign = None, 1 if side == "left" else -1
    for number in range(round(LONGEST * RATE)):
        seconds = number / RATE
        back = watcher.view.instruction in ("turn your head back to the camera", "hold still")
        shown = picture(seconds - began if began is not None else -1.0, sign, back)
        image = unsteady(shown, rng) if shown is not None else np.full_like(subject.image, 90)
        for event in watcher.step(Frame(image, number, seconds)):
            began = seconds if event.kind == "challenge" else began
            if event.kind in ("accept", "reject"):
                return event.kind if event.kind == "accept" else event.message or event.reason or ""
    return "no decision"


def unsteady(image: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """A frame of a picture held by hand in changing light before a camera with noise."""
    moved = np.roll(image, tuple(rng.integers(-1, 2, 2)), axis=(0, 1)).astype(np.float32)
    lit = (moved - 128) * (1 + 0.03 * rng.normal()) + 128 + 3 * rng.normal()
    noise = rng.normal(0, 3, image.shape[:2]).astype(np.float32)
    return np.clip(lit + noise[..., None], 0, 255).astype(np.uint8)


def swing(speed: float, most: float) -> Callable[[float, bool], float]:
    """The angle of a turn at `speed` degrees a second, out until the way back is asked for, to `most` at the most."""
    angle = 0.0

    def now(since: float, back: bool) -> float:
        nonlocal angle
        if since > 0.4:
            angle = max(0.0, angle - speed / RATE) if back else min(most, angle + speed / RATE)
        return angle

    return now


def genuine(subject: Subject, speed: float = 40.0) -> Picture:
    """The head turns to the side that is asked for, and back."""
    angle = swing(speed, 45)
    return lambda since, sign, back: subject.head(sign * angle(since, back))


def photo(subject: Subject, name: str, surface: Surface, tilt: float = 0.0) -> Picture:
    """A photo on a surface is turned to the side that is asked for, about an axis that leans by `tilt`, and back."""
    angle = swing(40, 66)
    return lambda since, sign, back: subject.surface(name, surface, sign * angle(since, back), tilt)


def held_still(subject: Subject) -> Picture:
    """One photo."""
    return lambda _since, _sign, _back: subject.head(0)


def mirror_loop(subject: Subject, rng: np.random.Generator) -> Picture:
    """One photo, more or less turned, and its mirror image in turn, without regard to the side that is asked for."""
    degrees, period, gap = rng.uniform(0, 45), int(rng.integers(2, 25)), int(rng.integers(0, 6))
    shift = int(rng.integers(0, 2 * period))
    still = subject.head(float(rng.choice([-1, 1])) * degrees)
    both = (still, np.ascontiguousarray(still[:, ::-1]))
    count = iter(range(10**6))

    def picture(_since: float, _sign: int, _back: bool) -> UInt8Array | None:
        number = next(count) + shift
        return None if number % (period + gap) >= period else both[number // (period + gap) % 2]

    return picture


def two_stills(subject: Subject) -> Picture:
    """A straight photo, one turned to the side that is asked for, and the straight one again."""
    return lambda since, sign, _back: subject.head(sign * 42 if 0.5 < since < 1.5 else 0)


def flip_book(subject: Subject, stills: int) -> Picture:
    """A row of photos that show a turn, one after the other."""

    angle, apart = swing(40, 42), 42 / (stills - 1)
    return lambda since, sign, back: subject.head(sign * apart * round(angle(since, back) / apart))


def swapped(subject: Subject, stranger: Subject) -> Picture:
    """A photo of the person before and after the turn, which a stranger does."""
    of_stranger = genuine(stranger)
    return lambda since, sign, back: of_stranger(since, sign, back) if 0.3 < since < 3.2 else subject.head(0)


def replay(subject: Subject, rng: np.random.Generator) -> Picture:
    """A video of the person's turn, to a side that is not known beforehand."""
    to = int(rng.choice([-1, 1]))
    shown = genuine(subject)
    return lambda since, _sign, _back: shown(since, to, since > 1.6)

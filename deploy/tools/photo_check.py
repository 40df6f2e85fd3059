"""Whole photos in every host: people enrolled by Python, each verified with a photo of theirs and one of somebody else.

Used by hosts.py. What a host gives for a photo is compared with Python's: the crop's bytes, the score, the decision.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import web_page
from absent import AbsentError

import facedge
from facedge.bundle import Bundle
from facedge.enrollment.enroll import enroll
from facedge.errors import FacedgeError
from facedge.faces.crop import find_crop
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb
from facedge.types import UInt8Array

PEOPLE = 12
BARE = """
import json, os, sys, time
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import numpy as np, onnxruntime
for bundle, crops in json.load(sys.stdin):
    session = onnxruntime.InferenceSession(bundle + "/verifier.onnx")
    about = session.get_modelmeta().custom_metadata_map
    for path in crops:
        start = time.perf_counter()
        probability, quality = session.run(["probability", "quality"], {"image": np.load(path)[None]})
        score = float(probability[0, 0])
        good = float(quality[0, 0]) >= float(about["facedge.quality_floor"])
        accepted = good and score >= float(about["facedge.threshold"])
        print(json.dumps({"accepted": accepted, "score": score, "ms": 1000 * (time.perf_counter() - start)}))
"""


@dataclass(frozen=True)
class Answer:
    """What a host gives for one photo; crop is None where the host takes crops or found no face."""

    accepted: bool
    score: float | None
    crop: bytes | None
    ms: float


@dataclass(frozen=True)
class Person:
    """A person enrolled by Python, and the photos that verify: uint8 (H, W, 3)."""

    bundle: Path
    photos: tuple[UInt8Array, ...]
    answers: tuple[Answer, ...]


def enroll_people(folder: Path, base: Bundle, scratch: Path) -> list[Person]:
    """The first people of `folder`/NAME/*.jpg with four photos or more in which faces are found, enrolled."""
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir() and len(list(path.glob("*.jpg"))) >= 4]
    found: list[tuple[Path, Path]] = []
    for person in folders:
        if len(found) == PEOPLE:
            break
        *enrolled, own = sorted(person.glob("*.jpg"))[:4]
        try:
            saved = enroll(enrolled, bundle=base).save(scratch / f"p{len(found)}.facedge")
        except FacedgeError:
            continue
        assert saved.path is not None
        found.append((saved.path, own))
    if len(found) < 2:
        raise AbsentError(f"expected folders of photos, one for each person, in {folder}")
    others = [found[(n + 1) % len(found)][1] for n in range(len(found))]
    return [
        _with_answers(bundle, [np.ascontiguousarray(load_rgb(path)) for path in (own, other)])
        for (bundle, own), other in zip(found, others, strict=True)
    ]


def _with_answers(bundle: Path, photos: Sequence[UInt8Array]) -> Person:
    verifier, answers = facedge.load(bundle), []
    for image in photos:
        crop = find_crop(image, aligned=False).crop
        start = perf_counter()
        decision = verifier.verify(image, aligned=False)
        ms = 1000 * (perf_counter() - start)
        score = None if decision.score is None or math.isnan(decision.score) else decision.score
        answers.append(Answer(decision.accepted, score, None if crop is None else crop.tobytes(), ms))
    return Person(bundle, tuple(photos), tuple(answers))


def with_facedge(people: Sequence[Person], _scratch: Path) -> list[Answer]:
    """Python once more, in this process, where the detector's sessions are open."""
    found: list[Answer] = []
    for person in people:
        again = _with_answers(person.bundle, person.photos)
        found += again.answers
    return found


def bare_python(people: Sequence[Person], scratch: Path) -> list[Answer]:
    """verifier.onnx alone, on the crops of Python."""
    asked = []
    for number, person in enumerate(people):
        crops = []
        for k, answer in enumerate(person.answers):
            assert answer.crop is not None
            crops.append(str(scratch / f"{number}-{k}.npy"))
            np.save(crops[-1], np.frombuffer(answer.crop, np.uint8).reshape(218, 178, 3))
        asked.append((str(person.bundle), crops))
    lines = run_lines([sys.executable, "-I", "-c", BARE], json.dumps(asked))
    return [Answer(line["accepted"], line["score"], None, line["ms"]) for line in lines]


def c_program(command: Sequence[str], library: str) -> Callable[[Sequence[Person], Path], list[Answer]]:
    """facedge-c, which `command` starts, with onnxruntime's `library`."""

    def check(people: Sequence[Person], scratch: Path) -> list[Answer]:
        found = []
        environment = {"FACEDGE_ONNXRUNTIME": library, "FACEDGE_DETECTOR": str(find_model())}
        for number, person in enumerate(people):
            folder = scratch / f"c{number}"
            folder.mkdir()
            for k, image in enumerate(person.photos):
                header = b"P6\n%d %d\n255\n" % (image.shape[1], image.shape[0])
                (folder / f"photo{k}.ppm").write_bytes(header + image.tobytes())
            photos = [str(folder / f"photo{k}.ppm") for k in range(len(person.photos))]
            arguments = ["verify", *photos, *photos, "-b", str(person.bundle), "--crops", str(folder)]
            lines = run_lines([*command, *arguments], **environment)
            for k, line in enumerate(lines[len(photos) :]):  # the second time, with the detector's sessions open
                crop = folder / f"{k}.ppm"
                pixels = crop.read_bytes()[-178 * 218 * 3 :] if crop.is_file() else None
                found.append(Answer(line["decision"] == "accept", line["score"], pixels, line["ms"]))
        return found

    return check


def in_node(people: Sequence[Person], scratch: Path) -> list[Answer]:
    """node/ on the photos' pixels."""
    asked = []
    for number, (person, image) in enumerate(_every_photo(people)):
        file = scratch / f"{number}.rgb"
        file.write_bytes(image.tobytes())
        height, width = image.shape[:2]
        asked.append({"file": str(file), "height": height, "width": width, "bundle": str(person.bundle)})
    script = Path(__file__).with_name("judge_photos.mjs")
    return [_with_bytes(line) for line in run_lines(["node", str(script), str(find_model())], json.dumps(asked))]


def in_chromium(people: Sequence[Person], scratch: Path) -> list[Answer]:
    """web/ on the photos' pixels, in the site that was built for the golden vectors."""
    site, asked = scratch / "site", []
    for number, (person, image) in enumerate(_every_photo(people)):
        asked.append(web_page.put_photo(site, image, f"{number}.rgb", person.bundle.name))
        if not (site / person.bundle.name).exists():
            (site / person.bundle.name).symlink_to(person.bundle)
    return [_with_bytes(line) for line in web_page.drive("photos", site, web_page.chromium(), scratch, photos=asked)]


def _every_photo(people: Sequence[Person]) -> list[tuple[Person, UInt8Array]]:
    return [(person, image) for person in people for image in person.photos]


def _with_bytes(line: dict[str, Any]) -> Answer:
    crop = None if line["crop"] is None else bytes(line["crop"])
    return Answer(line["accepted"], line["score"], crop, line["ms"])


def run_lines(command: Sequence[str], stdin: str | None = None, **environment: str) -> list[dict[str, Any]]:
    """The JSON lines that a host prints; AbsentError with its last line where it fails."""
    env = {**os.environ, **environment}
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise AbsentError((done.stderr.strip() or "no answer").splitlines()[-1])
    return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass(frozen=True)
class Verdict:
    """A host's answers compared with Python's.

    crop_bytes  bytes of the crops that differ; None where the host takes crops
    decisions   how many differ; `score` the largest difference of a score
    ms          median milliseconds of a photo
    """

    crop_bytes: int | None
    decisions: int
    score: float
    ms: float


def compare(people: Sequence[Person], answers: Sequence[Answer]) -> Verdict:
    """Python's answers, made at enrollment, against a host's."""
    expected = [answer for person in people for answer in person.answers]
    off, decisions, score, crops = 0, 0, 0.0, False
    for ours, theirs in zip(expected, answers, strict=True):
        decisions += ours.accepted != theirs.accepted
        if ours.score is not None and theirs.score is not None:
            score = max(score, abs(ours.score - theirs.score))
        if theirs.crop is not None and ours.crop is not None:
            crops = True
            a, b = (np.frombuffer(crop, np.uint8) for crop in (ours.crop, theirs.crop))
            off += int((a != b).sum())
    return Verdict(off if crops else None, decisions, score, float(np.median([answer.ms for answer in answers])))

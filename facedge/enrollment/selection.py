"""Which of the checked photos enroll a person: none twice, none of somebody else, none that is an impostor's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedge.bundle import Bundle
from facedge.enrollment.calibration import FEWEST_PEOPLE, OWN_IMPOSTORS
from facedge.enrollment.capture import (
    TOO_ALIKE,
    CheckedPhoto,
    Sample,
    distinct,
    select_varied,
    stack_embeddings,
    stack_mirrored,
    summarise_faults,
)
from facedge.enrollment.consistency import find_mismatched, fit_model
from facedge.enrollment.fit import FittedScore, Impostors, find_enrolled, whole_cohort
from facedge.errors import InputError
from facedge.types import Float32Array

LEFT_OUT = "left out as asked"
IMPLAUSIBLE = ("rotated", "distorted")  # faults of a whole source more often than of one photo
MOST_NAMED = 5  # photos in one sentence
MOST_FRR = 0.5  # of the cohort, by impostors who raise the threshold: beyond it people are refused more often than not


@dataclass(frozen=True)
class Selection:
    """The samples kept, in the order of their photos, and (name, reason) of the other photos."""

    kept: list[Sample]
    skipped: tuple[tuple[str, str], ...]


def select_samples(
    bundle: Bundle,
    checked: Sequence[CheckedPhoto],
    enrolled: Float32Array,
    impostors: Impostors | None = None,
    *,
    most: int,
    without: Sequence[str | Path] = (),
    where: str = "",
    frames: bool = False,
) -> Selection:
    """The photos that enroll a person, at most `most` and as varied as possible.

    enrolled   the embeddings that the person was enrolled with before, float32 (E, D); E is 0 for a new person
    impostors  photos of other people, none of which may be enrolled
    without    names of photos to leave out: their paths or file names
    where      begins the error message
    frames     the photos are frames of a camera, which differ enough and cannot be left out by name

    Raises InputError where no photo is left, where photos do not match the others, where a photo is an impostor's, and
    for a name in `without` that no photo has.
    """
    checked = leave_out(checked, without)
    good = [photo.sample for photo in checked if photo.sample is not None]
    if not good:
        raise InputError(
            f"{where}no photo is good enough to enroll with ({summarise_faults(checked)}): add other photos"
        )
    unique, copies = (good, {}) if frames else distinct(good)
    known = find_enrolled(stack_embeddings(unique), enrolled, *whole_cohort(bundle), stack_mirrored(unique))
    new = [sample for number, sample in enumerate(unique) if number not in known]
    if not new:
        raise InputError(
            f"{where}this person is enrolled with these photos already: add others, of other days and light"
        )
    refuse_impostors(bundle, unique, enrolled, impostors)
    refuse_mismatched(bundle, stack_embeddings(new), [sample.source for sample in new], enrolled, frames=frames)
    kept = select_varied(new, most)
    reasons = {unique[number].source: "among this person's samples already" for number in known}
    reasons |= {copy: f"the same photo as {original}" for copy, original in copies.items()}
    return Selection(kept, tuple(_skipped(checked, kept, reasons)))


def leave_out(checked: Sequence[CheckedPhoto], without: Sequence[str | Path]) -> list[CheckedPhoto]:
    """The photos, those named in `without` (by path or file name) without their sample; InputError for other names."""
    named = {str(name) for name in without}
    hit = {photo.source: {name for name in named if _is_called(photo.source, name)} for photo in checked}
    unknown = named.difference(*hit.values())
    if unknown:
        there = _listed([photo.source for photo in checked])
        raise InputError(f"expected the name of a photo to leave out, got {min(unknown)!r}: choose from {there}")
    return [replace(photo, sample=None, fault=LEFT_OUT) if hit[photo.source] else photo for photo in checked]


def _is_called(source: str, name: str) -> bool:
    return name in (source, Path(source).name) or Path(name) == Path(source)


def refuse_implausible(checked: Sequence[CheckedPhoto], where: str = "") -> None:
    """InputError where at least half of the photos that show a face are refused as rotated or distorted.

    The others then come from the same tilted or squeezed source, and pass by chance: of people enrolled by the rest of
    three photos turned by 45 degrees, 1.9 % of other people's photos turned alike were accepted where 0.1 % was asked.
    """
    shown = [photo for photo in checked if photo.fault is None or photo.fault in IMPLAUSIBLE]
    wrong = [photo.source for photo in shown if photo.fault is not None]
    if wrong and len(wrong) < len(shown) <= 2 * len(wrong):
        raise InputError(
            f"{where}in {len(wrong)} of {len(shown)} photos the head is tilted or the picture squeezed "
            f"({_listed(wrong)}), and then no FAR holds for the others: enroll with photos of an upright head"
        )


def refuse_mismatched(
    bundle: Bundle, embeddings: Float32Array, names: Sequence[str], enrolled: Float32Array, *, frames: bool = False
) -> None:
    """InputError that names the photos, embeddings (K, D), which do not match the others or the person enrolled."""
    if len(embeddings) + len(enrolled) < 2:
        return
    cohort, people = whole_cohort(bundle)
    if np.sum(np.unique(people, return_counts=True)[1] > 1) < FEWEST_PEOPLE:
        return  # too few to judge by; `fit` refuses such a cohort
    found = find_mismatched(fit_model(cohort, people), embeddings, enrolled)
    if not found:
        return
    if frames:
        raise InputError(
            "the frames are not all of the same person: enroll again with one person before the camera all the time"
        )
    wrong = [names[number] for number in found]
    does, them = ("does", "it") if len(wrong) == 1 else ("do", "them")
    against = "the samples of this person" if len(enrolled) else "the other photos"
    options = " ".join(f"--without {Path(name).name}" for name in wrong[:MOST_NAMED])
    remedy = f"leave {them} out with {options}"
    if len(wrong) == len(names) and not len(enrolled):
        against, remedy = "each other", "leave out those of the other person with --without FILE"
    raise InputError(f"{_listed(wrong)} {does} not match {against}: {remedy}")


def refuse_impostors(
    bundle: Bundle, samples: Sequence[Sample], enrolled: Float32Array, impostors: Impostors | None
) -> None:
    """InputError where a photo is both one of this person and one of an impostor, now or in an earlier enrollment."""
    cohort, people = whole_cohort(bundle)
    before = cohort[people >= OWN_IMPOSTORS]
    for number in find_enrolled(stack_embeddings(samples), before, cohort, people, stack_mirrored(samples)):
        raise InputError(
            f"{samples[number].source} was given as an impostor's photo before: leave it out with --without"
        )
    if impostors is None:
        return
    for number in find_enrolled(impostors.embeddings, enrolled, cohort, people, impostors.mirrored):
        source = impostors.sources[number] if impostors.sources else f"impostor photo {number + 1}"
        raise InputError(f"{source} is a photo that this person is enrolled with: leave it out of the impostors")
    for sample in samples:
        for source, other in zip(impostors.sources, impostors.fingerprints, strict=True):
            if sample.fingerprint is not None and other is not None and sample.fingerprint.same_photo(other):
                raise InputError(
                    f"{sample.source} is also an impostor's photo ({source}): leave it out of one of the two"
                )


def refuse_useless(fitted: FittedScore, where: str = "") -> None:
    """InputError for a score that refuses most of the person's own samples, or cannot tell known impostors apart."""
    too_high = fitted.own_raised and (2 * fitted.refused_samples > fitted.samples or fitted.point.frr > MOST_FRR)
    if fitted.own_passed or too_high:
        raise InputError(
            f"{where}no threshold separates this person from the impostors: {fitted.own_raised} of their "
            f"{fitted.own_impostors} photos score as high as the person's own; check that they are of other people, or "
            "enroll with more photos, of several days and in more light"
        )
    if fitted.mostly_refused:
        raise InputError(
            f"{where}{fitted.refused_samples} of {fitted.samples} photos would be refused when enrolled by the others: "
            "bring photos with more light, the whole face from the front, of several days"
        )


def _listed(names: Sequence[str]) -> str:
    """File names in a sentence; paths where two files have the same name."""
    short = [Path(name).name for name in names]
    shown = short if len(set(short)) == len(short) else list(names)
    rest = len(shown) - MOST_NAMED
    if rest > 1:
        return ", ".join(shown[:MOST_NAMED]) + f" and {rest} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _skipped(checked: Sequence[CheckedPhoto], kept: Sequence[Sample], reasons: dict[str, str]) -> list[tuple[str, str]]:
    """(name, reason) of the photos that are not among the samples kept."""
    found = []
    for photo in checked:
        if photo.sample is None:
            found.append((photo.source, photo.advice))
        elif not any(photo.sample is sample for sample in kept):
            found.append((photo.source, reasons.get(photo.source) or _not_needed(photo.sample, kept)))
    return found


def _not_needed(sample: Sample, kept: Sequence[Sample]) -> str:
    cosines = [float(sample.embedding @ other.embedding) for other in kept]
    nearest = int(np.argmax(cosines))
    if cosines[nearest] > TOO_ALIKE:
        return f"nearly the same as {kept[nearest].source}"
    return f"not among the {len(kept)} most varied photos"

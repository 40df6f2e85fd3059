"""Enrolling in C: the same person's bundle as Python makes, with the same warnings."""

import ctypes
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enrollment_in_c import PEOPLE, Enrolled, Person, assert_same, between, crops, drawn, with_table
from libfacedge import (
    BAD_ARGUMENT,
    BGR,
    NO_SAMPLES,
    OK,
    RGB,
    RGBA,
    Library,
    Photo,
    photo_of,
)
from PIL import Image

from facedge.enrollment.enroll import Enrollment, enroll
from facedge.enrollment.source_check import ALIKE, NEAREST
from facedge.errors import FacedgeError
from facedge.imaging import load_rgb
from facedge.runtime.verifier import load


def enrolled_in_c(
    library: Library, base: ctypes.c_void_p, photos: Sequence[Photo], path: Path, **options: Any
) -> tuple[Enrolled, list[str | None]]:
    person = Person(library, base, **options)
    assert person.status == OK, person.why.value
    faults = [person.add(photo) for photo in photos]
    status, found = person.save(path)
    assert status == OK, person.why.value
    found.condition = bytes(found.condition) if found.condition else None  # ours after the end
    person.end()
    return found, faults


def faults_in_python(made: Enrollment, count: int) -> list[str | None]:
    """For each of `count` photos that Python enrolled with, "copy" where it was one."""
    reasons = dict(made.skipped)
    copies = [reasons.get(f"photo {n + 1}", "").startswith("the same photo as") for n in range(count)]
    return ["copy" if copy else None for copy in copies]


@pytest.mark.parametrize("count", [1, 2, 6])
def test_drawn_crops_enroll_as_in_python(library: Library, base: ctypes.c_void_p, count: int, tmp_path: Path) -> None:
    mine = crops(PEOPLE[0], count)
    found, faults = enrolled_in_c(library, base, [photo_of(crop) for crop in mine], tmp_path / "c.facedge")
    made = enroll(mine).save(tmp_path / "p.facedge")
    probes = [crop for person in PEOPLE for crop in crops(person, 4, 8)]
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", probes)
    assert faults == [None] * count and (found.photos, found.samples) == (count, len(made.samples))
    assert found.threshold == pytest.approx(made.fitted.threshold, abs=1e-6)
    assert (found.far_target, found.frr) == (made.fitted.point.target, made.fitted.point.frr)
    assert (tmp_path / "c.facedge").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "c.facedge").iterdir()} == {0o600}
    opened = library.open(tmp_path / "c.facedge")
    for probe in probes:
        decision, result = load(tmp_path / "c.facedge").verify(probe), library.verify(opened, photo_of(probe))
        assert bool(result.accepted) == decision.accepted
        assert result.score == pytest.approx(decision.score, abs=1e-6)
    library.c.facedge_close(opened)


def test_copies_count_once_and_the_most_varied_are_kept(
    library: Library, base: ctypes.c_void_p, tmp_path: Path
) -> None:
    encoded = io.BytesIO()
    Image.fromarray(drawn(PEOPLE[0], 1)).save(encoded, "JPEG", quality=80)
    again = np.asarray(Image.open(encoded).convert("RGB"))
    photos = [*crops(PEOPLE[0], 12), drawn(PEOPLE[0], 3), again]
    found, faults = enrolled_in_c(library, base, [photo_of(p) for p in photos], tmp_path / "c.facedge", samples=5)
    made = enroll(photos, samples=5)
    assert faults == faults_in_python(made, len(photos)) and faults[-2:] == ["copy", "copy"]
    assert found.samples == 5
    made.save(tmp_path / "p.facedge")
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", crops(PEOPLE[0], 3, 20))


@pytest.mark.parametrize("far", [0.001, 0.01, 0.05])
def test_a_far_of_the_table(library: Library, base: ctypes.c_void_p, far: float, tmp_path: Path) -> None:
    mine = crops(PEOPLE[1], 3)
    enrolled_in_c(library, base, [photo_of(crop) for crop in mine], tmp_path / "c.facedge", far=far)
    enroll(mine, far=far).save(tmp_path / "p.facedge")
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", crops(PEOPLE[1], 2, 8))


def test_a_far_that_the_table_does_not_hold_is_refused(library: Library, base: ctypes.c_void_p, tmp_path: Path) -> None:
    person = Person(library, base, far=0.0123)
    person.add(photo_of(drawn(PEOPLE[0], 0)))
    assert person.save(tmp_path / "c.facedge")[0] == BAD_ARGUMENT
    assert b"expected a FAR of the bundle's calibration.json" in person.why.value
    person.end()
    assert list(tmp_path.iterdir()) == []


def test_a_condition_raises_the_threshold(library: Library, tmp_path: Path) -> None:
    def always_shown(table: dict[str, Any]) -> None:
        for condition in table["conditions"][:4]:
            for row in condition["rows"]:
                row["limit"] = -10.0

    changed = with_table(tmp_path / "base.facedge", always_shown)
    handle, mine = library.open(changed), crops(PEOPLE[0], 4)
    found, _ = enrolled_in_c(library, handle, [photo_of(crop) for crop in mine], tmp_path / "c.facedge")
    made = enroll(mine, bundle=changed).save(tmp_path / "p.facedge")
    assert made.fitted.condition and found.condition == made.fitted.condition.encode()
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", crops(PEOPLE[0], 2, 8))
    library.c.facedge_close(handle)


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_photos_in_any_layout_enroll_as_in_python(
    library: Library, base: ctypes.c_void_p, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "photos"
    paths = sorted((folder / "me").glob("*.jpg"))
    images = [load_rgb(path) for path in paths]
    padded = np.zeros((images[0].shape[0], images[0].shape[1] + 5, 3), np.uint8)
    padded[:, : images[0].shape[1]] = images[0]
    gaps = photo_of(padded)
    gaps.width = images[0].shape[1]
    alpha = np.full((*images[3].shape[:2], 1), 7, np.uint8)
    photos = [
        gaps,
        photo_of(images[1][:, :, ::-1], BGR),
        photo_of(np.rot90(images[2], 1), RGB, 90),
        photo_of(np.concatenate([images[3], alpha], axis=2), RGBA),
        *(photo_of(image) for image in images[4:]),
    ]
    two = max((load_rgb(path) for path in sorted((folder / "group").iterdir())), key=lambda image: image.size)
    thing = load_rgb(sorted((shared_data / "non_face").rglob("*.jp*g"))[0])
    found, faults = enrolled_in_c(library, base, [*photos, photo_of(two), photo_of(thing)], tmp_path / "c.facedge")
    made = enroll(images).save(tmp_path / "p.facedge")
    assert faults == [*faults_in_python(made, len(photos)), "many_faces", "no_face"]
    assert faults.count("copy") == 1  # one of the photos is there at two sizes
    others = [load_rgb(path) for path in sorted((folder / "others").iterdir())]
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", [*images, *others])
    assert found.samples == len(made.samples) == len(images) - 1


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.usefixtures("detector")
def test_people_of_lfw_enroll_as_in_python(
    library: Library, base: ctypes.c_void_p, shared_data: Path, tmp_path: Path
) -> None:
    people = [folder for folder in sorted((shared_data / "lfw" / "lfw").iterdir()) if len(list(folder.iterdir())) >= 6]
    compared = 0
    for number, folder in enumerate(people[:8]):
        images = [load_rgb(path) for path in sorted(folder.iterdir())[:6]]
        ours, theirs = tmp_path / f"c{number}.facedge", tmp_path / f"p{number}.facedge"
        try:
            enroll(images[:4]).save(theirs)
        except FacedgeError as problem:  # photos that do not match the others
            person = Person(library, base)
            for image in images[:4]:
                person.add(photo_of(image))
            assert "match" in str(problem) and person.save(ours)[0] == NO_SAMPLES
            person.end()
            continue
        enrolled_in_c(library, base, [photo_of(image) for image in images[:4]], ours)
        assert_same(ours, theirs, images[4:])
        compared += 1
    assert compared >= 3


def test_warnings_about_the_samples_are_pythons(library: Library, base: ctypes.c_void_p, tmp_path: Path) -> None:
    mirrored = np.ascontiguousarray(drawn(PEOPLE[0], 0)[:, ::-1])
    alike = [drawn(PEOPLE[0], 0), between(PEOPLE[0], 0, 9)]
    warned = []
    for number, photos in enumerate((alike, crops(PEOPLE[0], 2), crops(PEOPLE[1], 1), [alike[0], mirrored])):
        found, _ = enrolled_in_c(library, base, list(map(photo_of, photos)), tmp_path / f"{number}.facedge")
        source = enroll(photos).fitted.source
        assert bool(found.near_others) == (source.percentile >= NEAREST)
        assert bool(found.one_moment) == (source.alike > ALIKE)
        warned.append(found.one_moment)
    assert warned == [1, 0, 0, 0]

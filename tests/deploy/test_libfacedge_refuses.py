"""Enrolling in C: what is refused, and the sentences for it."""

import ctypes
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enrollment_in_c import PEOPLE, Enrolled, EnrollOptions, Person, crops, drawn, with_table
from libfacedge import (
    BAD_ARGUMENT,
    BAD_BUNDLE,
    NO_SAMPLES,
    OCCUPIED,
    OK,
    Library,
    photo_of,
)
from PIL import Image

from facedge.bundle import read_bundle, write_bundle
from facedge.bundle.calibration_table import read_table
from facedge.bundle.resolve import pretrained
from facedge.enrollment.capture import check_photo
from facedge.enrollment.consistency import find_mismatched, fit_model
from facedge.enrollment.enroll import enroll
from facedge.enrollment.fit import whole_cohort
from facedge.errors import BundleError, FacedgeError
from facedge.runtime.embedder import Embedder
from facedge.types import UInt8Array

UNLIKE = (3, 12)  # drawn people; most others are too much alike to be told apart in an enrollment


def test_poor_crops_are_named_and_enroll_nobody(library: Library, base: ctypes.c_void_p, tmp_path: Path) -> None:
    face = drawn(PEOPLE[0], 0)
    blurred = np.asarray(Image.fromarray(face).resize((12, 14)).resize((178, 218)))
    poor = {
        "dark": np.full_like(face, 3),
        "bright": np.minimum(face.astype(int) + 140, 255).astype(np.uint8),
        "blurred": blurred,
    }
    person, embedder = Person(library, base), Embedder(read_bundle(pretrained()))
    for name, crop in poor.items():
        assert person.add(photo_of(crop)) == name == check_photo(embedder, crop, name).fault
    assert person.save(tmp_path / "c.facedge")[0] == NO_SAMPLES
    assert person.why.value == b"none of 3 photos is good enough to enroll with: add other photos"
    person.end()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("counts", [(3, 1), (1, 1), (2, 5), (4, 4), (5, 3)])
def test_photos_of_several_people_are_named_as_in_python(
    library: Library, base: ctypes.c_void_p, counts: tuple[int, int], tmp_path: Path
) -> None:
    photos = [*crops(UNLIKE[0], counts[0]), *crops(UNLIKE[1], counts[1])]
    wrong = mismatched(photos)
    assert wrong
    person = Person(library, base)
    for crop in [np.zeros_like(photos[0]), *photos]:  # the first, too dark, counts in the numbers
        person.add(photo_of(crop))
    assert person.save(tmp_path / "c.facedge")[0] == NO_SAMPLES
    sentence = person.why.value.decode()
    assert [int(number) for number in re.findall(r"\d+", sentence)][:5] == [2 + place for place in wrong][:5]
    against = "each other" if len(wrong) == len(photos) else "the other photos"
    assert f"not match {against}: leave out those of the other person" in sentence
    with pytest.raises(FacedgeError, match=f"not match {against}"):
        enroll(photos)
    person.end()
    filmed = Person(library, base, frames=1)
    for crop in photos:
        filmed.add(photo_of(crop))
    assert filmed.save(tmp_path / "c.facedge")[0] == NO_SAMPLES
    assert filmed.why.value.startswith(b"the frames are not all of the same person")
    filmed.end()
    assert list(tmp_path.iterdir()) == []


def mismatched(photos: Sequence[UInt8Array]) -> tuple[int, ...]:
    """The places of photos that do not match the others, by the shipped bundle in Python."""
    bundle = read_bundle(pretrained())
    return find_mismatched(fit_model(*whole_cohort(bundle)), Embedder(bundle).embed(np.stack(photos)))


def nan_slope(table: dict[str, Any]) -> bytes:
    table["rows"][0]["slope"] = float("nan")
    return json.dumps(table).encode()


def edit(*path: str | int, value: Any = None) -> Callable[[dict[str, Any]], None]:
    def change(table: dict[str, Any]) -> None:
        at: Any = table
        for step in path[:-1]:
            at = at[step]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value

    return change


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "not JSON": lambda table: b"{",
    "cut short": lambda table: json.dumps(table).encode()[:-40],
    "a list": lambda table: b"[]",
    "NaN": nan_slope,
    "no rows": edit("rows", value=[]),
    "a key missing": edit("rows"),
    "a key more": edit("more", value=1),
    "rows falling": lambda table: table["rows"].reverse(),
    "a row's key missing": edit("rows", 3, "shift"),
    "slope below 0": edit("rows", 0, "slope", value=-1.0),
    "slope as text": edit("rows", 0, "slope", value="20"),
    "no points": edit("rows", 0, "points", value=[]),
    "points falling": lambda table: table["rows"][0]["points"].reverse(),
    "a rate above 1": edit("rows", 0, "points", 0, "frr", value=1.5),
    "a cosine above 2": edit("rows", 0, "points", 0, "threshold", value=3.0),
    "other targets": edit("rows", 2, "points", 0, "far_target", value=0.0015),
    "identities 0": edit("identities", value=0),
    "identities 1.5": edit("identities", value=1.5),
    "a short mean": edit("conditions", 0, "mean", value=[0.0, 1.0]),
    "a direction of texts": edit("conditions", 0, "direction", value=["a"] * 128),
    "a condition's row missing": edit("conditions", 0, "rows", 5),
    "other images": edit("conditions", 0, "rows", 5, "images", value=9),
    "above too short": edit("conditions", 0, "rows", 0, "above", value=[0.1]),
    "a name of control characters": edit("conditions", 0, "name", value="\x1b[2J"),
    "a number beyond": edit("conditions", 0, "rows", 0, "limit", value=1e7),
    "65 conditions": lambda table: table["conditions"].extend(table["conditions"][:1] * 49),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_table_is_refused_in_one_sentence(library: Library, damage: str, tmp_path: Path) -> None:
    bundle = with_table(tmp_path / "base.facedge", DAMAGE[damage])
    with pytest.raises(BundleError):
        read_table(read_bundle(bundle).files, 128)
    handle = library.open(bundle)
    person = Person(library, handle)
    assert person.status == BAD_BUNDLE and not person.handle.value
    assert re.fullmatch(rb"calibration\.json [^\n]*", person.why.value)
    library.c.facedge_close(handle)


@pytest.mark.parametrize("missing", ["calibration.json", "cohort.npy"])
def test_a_base_without_what_enrolling_needs_is_refused(library: Library, missing: str, tmp_path: Path) -> None:
    shipped = read_bundle(pretrained())
    files = {name: data for name, data in shipped.files.items() if name not in (missing, "cohort_identities.npy")}
    write_bundle(tmp_path / "base.facedge", files, shipped.manifest)
    handle = library.open(tmp_path / "base.facedge")
    assert Person(library, handle).status == BAD_BUNDLE
    library.c.facedge_close(handle)


def test_a_base_with_impostors_of_its_user_is_refused(library: Library, tmp_path: Path) -> None:
    enroll(crops(PEOPLE[0], 3), impostors=crops(PEOPLE[1], 2)).save(tmp_path / "ana.facedge")
    handle = library.open(tmp_path / "ana.facedge")
    person = Person(library, handle)
    assert person.status == BAD_BUNDLE and b"use facedge enroll" in person.why.value
    library.c.facedge_close(handle)


def test_nobody_is_replaced_unasked(library: Library, base: ctypes.c_void_p, tmp_path: Path) -> None:
    person, target = Person(library, base), tmp_path / "ana.facedge"
    for crop in crops(PEOPLE[0], 2):
        person.add(photo_of(crop))
    assert person.save(target)[0] == OK
    before = (target / "manifest.json").read_bytes()
    assert person.save(target)[0] == OCCUPIED and (target / "manifest.json").read_bytes() == before
    person.add(photo_of(drawn(PEOPLE[0], 2)))
    assert person.save(target, replace=True)[0] == OK
    assert read_bundle(target).manifest.metrics["enrollment"]["samples"] == 3
    shutil.copytree(pretrained(), tmp_path / "edge.facedge")
    (tmp_path / "file.facedge").write_text("x")
    (tmp_path / "folder.facedge").mkdir()
    (tmp_path / "folder.facedge" / "x").write_text("x")
    (tmp_path / "link.facedge").symlink_to(target)
    for name in ("edge", "file", "folder", "link"):
        assert person.save(tmp_path / f"{name}.facedge", replace=True)[0] == OCCUPIED, name
    for name in ("ana", ".facedge", "ana.FACEDGE"):
        assert person.save(tmp_path / name)[0] == BAD_ARGUMENT, name
    person.end()
    assert not list(tmp_path.glob(".*"))


def test_structs_of_another_size_are_refused(library: Library, base: ctypes.c_void_p, tmp_path: Path) -> None:
    handle, options = ctypes.c_void_p(), EnrollOptions(8)
    call = (base, ctypes.byref(options), ctypes.byref(handle), library.why, 512)
    assert library.c.facedge_enroll_begin(*call) == BAD_ARGUMENT
    person, small = Person(library, base), Enrolled(8)
    call = (person.handle, b"a.facedge", None, 0, ctypes.byref(small), person.why, 512)
    assert library.c.facedge_enroll_save(*call) == BAD_ARGUMENT
    person.end()

"""`facedge.enroll`: what it takes for photos, what it returns, and what `save` does to people who are enrolled."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from live_bundle import picture, write_template
from PIL import Image

import facedge
from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.bundle.resolve import bundle_of, data_home
from facedge.dataset.conditions import CONDITIONS
from facedge.enrollment import enroll, store
from facedge.enrollment.capture import check_photo
from facedge.enrollment.conditions import REFUSED_IF_DOUBTFUL
from facedge.enrollment.fit import fit
from facedge.errors import BundleError, InputError


@pytest.fixture(autouse=True)
def own_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def base(tmp_path: Path) -> Bundle:
    return write_template(tmp_path / "base.facedge")


def pictures(person: int, takes: range) -> list[np.ndarray]:
    return [picture(person, take) for take in takes]


def saved_samples(name: str) -> np.ndarray:
    return store.enrolled_before(read_bundle(bundle_of(name)))


def test_arrays_paths_folders_and_pil_images_enroll_alike(base: Bundle, tmp_path: Path) -> None:
    arrays = pictures(0, range(3))
    paths = [tmp_path / "me" / f"{number}.png" for number in range(3)]
    (tmp_path / "me").mkdir()
    for array, path in zip(arrays, paths, strict=True):
        Image.fromarray(array).save(path)
    images = [Image.fromarray(array) for array in arrays]
    given = [arrays, np.stack(arrays), paths, [path.read_bytes() for path in paths], tmp_path / "me", images]
    made = [facedge.enroll(photos, bundle=base) for photos in given]
    assert len({enrollment.samples.tobytes() for enrollment in made}) == 1
    assert made[0].used == ("photo 1", "photo 2", "photo 3")
    assert made[2].used == made[4].used == tuple(map(str, paths))
    opened = facedge.enroll([Image.open(path) for path in paths], bundle=base)
    assert opened.used == tuple(map(str, paths))
    assert facedge.enroll(arrays[0], bundle=base).used == ("photo 1",)
    assert facedge.enroll(str(paths[1]), bundle=base.path).used == (str(paths[1]),)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pil_images_of_any_orientation_and_mode_are_read_as_their_files(
    base: Bundle, tmp_path: Path, orientation: int
) -> None:
    """A palette, transparency and 16 bits too: the pixels are those that the file would give."""
    from facedge.faces.crop import read_photo
    from facedge.imaging import load_rgb

    exif = Image.Exif()
    exif[0x0112] = orientation
    drawn = Image.fromarray(picture(0, 0))
    sixteen = Image.fromarray((np.arange(60 * 50, dtype=np.uint16) * 20).reshape(60, 50))
    for image in (drawn, drawn.quantize(32), drawn.convert("L"), drawn.convert("CMYK"), sixteen):
        file = tmp_path / ("photo.jpg" if image.mode == "CMYK" else "photo.png")
        image.save(file, exif=exif)
        found = read_photo(Image.open(file))
        np.testing.assert_array_equal(np.broadcast_to(found.reshape(*found.shape[:2], -1), load_rgb(file).shape),
                                      load_rgb(file))  # fmt: skip
    layer = drawn.convert("RGBA")
    layer.putalpha(Image.linear_gradient("L").resize(drawn.size))
    layer.save(tmp_path / "layer.png", exif=exif)
    off = read_photo(Image.open(tmp_path / "layer.png")).astype(int) - load_rgb(tmp_path / "layer.png")
    assert np.abs(off).max() <= 1


def test_the_verifier_works_with_nothing_written(base: Bundle) -> None:
    made = facedge.enroll(pictures(0, range(6)), bundle=base, far=1e-3)
    assert made.verifier.verify(picture(0, 30)).accepted
    assert not made.verifier.verify(picture(7, 0)).accepted
    assert made.verifier.bundle.manifest.calibration == made.calibration
    assert (made.calibration.far_target, made.calibration.identities) == (1e-3, 90)
    assert made.path is None
    assert not data_home().exists()


def test_what_is_skipped_is_named_with_its_reason(base: Bundle) -> None:
    first = picture(0, 0)
    photos = [first, np.zeros((218, 178, 3), np.uint8), first.copy(), picture(0, 1), "nowhere.jpg", picture(0, 2)]
    made = facedge.enroll(photos, bundle=base, samples=2)
    assert len(made.used) == 2
    reasons = dict(made.skipped)
    assert {*made.used, *reasons} == {"photo 1", "photo 2", "photo 3", "photo 4", "nowhere.jpg", "photo 6"}
    assert reasons["photo 2"] == "more light"
    assert reasons["photo 3"] == "the same photo as photo 1"
    assert "no image at nowhere.jpg" in reasons["nowhere.jpg"]
    assert "not among the 2 most varied photos" in reasons.values()


def test_photos_of_somebody_else_are_named_and_refused(base: Bundle) -> None:
    photos = [*pictures(0, range(3)), picture(5, 0)]
    with pytest.raises(InputError, match=r"^photo 4 does not match the other photos: leave it out with --without"):
        facedge.enroll(photos, bundle=base)
    made = facedge.enroll(photos, bundle=base, without=["photo 4"])
    assert made.used == ("photo 1", "photo 2", "photo 3")
    assert made.skipped == (("photo 4", "left out as asked"),)
    with pytest.raises(InputError, match=r"^photo 1 and photo 2 do not match each other"):
        facedge.enroll([picture(0, 0), picture(5, 0)], bundle=base)
    with pytest.raises(InputError, match="photo 4, photo 5 and photo 6 do not match the other photos"):
        facedge.enroll([*pictures(0, range(3)), *pictures(5, range(3)), *pictures(0, range(3, 6))], bundle=base)


def test_a_cohort_of_too_few_people_is_named_as_the_fault(tmp_path: Path) -> None:
    few = write_template(tmp_path / "few.facedge", people=5)
    with pytest.raises(BundleError, match="5 people with two images or more; enrollment needs at least 8"):
        facedge.enroll([picture(0, 0), picture(5, 0)], bundle=few)


def test_photos_are_left_out_by_name_or_path(base: Bundle, tmp_path: Path) -> None:
    (tmp_path / "me").mkdir()
    for take in range(4):
        Image.fromarray(picture(5 if take == 3 else 0, take)).save(tmp_path / "me" / f"{take}.png")
    for name in ("3.png", tmp_path / "me" / "3.png", str(tmp_path / "me" / "3.png")):
        assert len(facedge.enroll(tmp_path / "me", bundle=base, without=[name]).used) == 3
    with pytest.raises(InputError, match=r"got 'biden.jpg': choose from 0.png, 1.png, 2.png and 3.png"):
        facedge.enroll(tmp_path / "me", bundle=base, without=["biden.jpg"])
    with pytest.raises(InputError, match=r"no photo is good enough to enroll with .*left out as asked"):
        facedge.enroll([picture(0, 0)], bundle=base, without=["photo 1"])


def test_the_same_photos_again_are_no_new_samples(base: Bundle) -> None:
    photos = pictures(0, range(3))
    first = facedge.enroll(photos, bundle=base)
    first.save("ana")
    for _ in range(3):
        with pytest.raises(InputError, match="this person is enrolled with these photos already"):
            facedge.enroll(photos, onto="ana")
    more = facedge.enroll([*photos, picture(0, 40)], onto="ana").save("ana")
    assert more.used == ("photo 4",)
    assert dict(more.skipped) == dict.fromkeys(("photo 1", "photo 2", "photo 3"), "among this person's samples already")
    assert len(saved_samples("ana")) == len(first.samples) + 1


def test_a_mirrored_or_re_encoded_photo_counts_once(base: Bundle) -> None:
    first, mirrored = picture(0, 0), np.ascontiguousarray(picture(0, 0)[:, ::-1])
    darker = (picture(0, 1) * 0.8).astype(np.uint8)
    made = facedge.enroll([first, mirrored, picture(0, 1), darker, picture(0, 2)], bundle=base).save("ana")
    assert len(saved_samples("ana")) == 3
    assert dict(made.skipped) == {"photo 2": "the same photo as photo 1", "photo 4": "the same photo as photo 3"}
    more = facedge.enroll([mirrored, picture(0, 40)], onto="ana")
    assert dict(more.skipped) == {"photo 1": "among this person's samples already"}
    with pytest.raises(InputError, match=r"photo 1 is also an impostor's photo \(photo 1\)"):
        facedge.enroll(pictures(0, range(3)), bundle=base, impostors=[mirrored, picture(5, 0)])


def test_two_updates_with_the_same_photos_count_them_once(base: Bundle) -> None:
    facedge.enroll(pictures(0, range(3)), bundle=base).save("ana")
    one, same = (facedge.enroll(pictures(0, range(40, 43)), onto="ana") for _ in range(2))
    one.save("ana")
    assert same.save("ana").used == ()
    assert len(saved_samples("ana")) == 6


def test_photos_of_somebody_else_are_not_added_to_a_person(base: Bundle) -> None:
    facedge.enroll(pictures(0, range(2)), bundle=base).save("ana")
    with pytest.raises(InputError, match="photo 1, photo 2 and photo 3 do not match the samples of this person"):
        facedge.enroll(pictures(5, range(3)), onto="ana")
    update = facedge.enroll(pictures(0, range(40, 42)), onto="ana")
    facedge.enroll(pictures(5, range(3)), bundle=base).save("ana", replace=True)
    with pytest.raises(InputError, match="do not match the samples of this person"):
        update.save("ana")


def test_a_photo_is_not_both_enrolled_and_an_impostor_s(base: Bundle) -> None:
    mine, other = pictures(0, range(3)), pictures(5, range(2))
    with pytest.raises(InputError, match=r"photo 3 is also an impostor's photo \(photo 1\)"):
        facedge.enroll(mine, bundle=base, impostors=[mine[2], *other])
    facedge.enroll(mine, bundle=base, impostors=other).save("ana")
    with pytest.raises(InputError, match="photo 2 is a photo that this person is enrolled with"):
        facedge.enroll(pictures(0, range(40, 42)), onto="ana", impostors=[other[0], mine[1]])
    with pytest.raises(InputError, match="photo 1 was given as an impostor's photo before"):
        facedge.enroll(other, onto="ana")


def test_impostors_like_the_person_are_refused_or_raise_the_threshold(base: Bundle) -> None:
    with pytest.raises(InputError, match="no threshold separates this person from the impostors: 3 of their 3 photos"):
        facedge.enroll(pictures(0, range(4)), bundle=base, impostors=pictures(0, range(50, 53)))
    without = facedge.enroll(pictures(0, range(4)), bundle=base)
    blend = ((picture(0, 60).astype(int) * 70 + picture(5, 60).astype(int) * 30) // 100).astype(np.uint8)
    assert without.verifier.verify(blend).accepted  # a look-alike
    made = facedge.enroll(pictures(0, range(4)), bundle=base, impostors=[blend, picture(7, 0)])
    assert not made.verifier.verify(blend).accepted
    assert made.verifier.verify(picture(0, 30)).accepted
    figures = made.figures()
    assert figures["own_impostor_images_that_raised_the_threshold"] == 1
    assert figures["own_impostor_images_that_pass"] == 0
    assert figures["frr_of_cohort"] >= figures["frr_of_cohort_before_raised"]


def test_what_a_killed_enrollment_left_is_removed_by_the_next(base: Bundle) -> None:
    left = data_home() / ".ana.facedge.0123456789ab.tmp"
    left.mkdir(parents=True)
    (left / "enrolled.npy").write_bytes(b"a template")
    assert store.interrupted() == ["ana"]
    facedge.enroll(pictures(0, range(3)), bundle=base).save("ana")
    assert [path.name for path in data_home().iterdir()] == ["ana.facedge"]
    assert store.interrupted() == []


def test_saving_by_name_and_by_path(base: Bundle, tmp_path: Path) -> None:
    made = facedge.enroll(pictures(0, range(3)), bundle=base)
    saved = made.save("ana")
    assert saved.path == bundle_of("ana")
    assert facedge.load(bundle_of("ana")).verify(picture(0, 30)).accepted
    assert saved.verifier.threshold == facedge.load(bundle_of("ana")).threshold
    assert [path.name for path in data_home().iterdir()] == ["ana.facedge"]
    elsewhere = made.save(tmp_path / "new" / "me.facedge", name="Åsa").path
    assert elsewhere is not None
    assert read_bundle(elsewhere).manifest.name == "Åsa"
    assert [path.name for path in elsewhere.parent.iterdir()] == ["me.facedge"]


def test_an_enrolled_person_is_never_replaced_without_being_asked(base: Bundle) -> None:
    facedge.enroll(pictures(0, range(3)), bundle=base).save("ana")
    before = read_bundle(bundle_of("ana")).sha256
    other = facedge.enroll(pictures(1, range(3)), bundle=base)
    with pytest.raises(InputError, match=r"ana is enrolled already .*--update.*--replace"):
        other.save("ana")
    assert read_bundle(bundle_of("ana")).sha256 == before
    other.save("ana", replace=True)
    assert facedge.load(bundle_of("ana")).verify(picture(1, 30)).accepted
    with pytest.raises(BundleError, match="nobody is enrolled in"):
        other.save(base.path, replace=True)


def test_adding_to_a_person(base: Bundle) -> None:
    facedge.enroll(pictures(0, range(3)), bundle=base).save("ana")
    earlier = saved_samples("ana")
    added = facedge.enroll(pictures(0, range(40, 43)), onto="ana")
    assert added.fitted.samples == len(earlier) + len(added.samples)
    added.save("ana")
    np.testing.assert_array_equal(saved_samples("ana"), np.concatenate([earlier, added.samples]))
    with pytest.raises(InputError, match="a bundle or the person to add to, not both"):
        facedge.enroll(pictures(0, range(3)), onto="ana", bundle=base)
    with pytest.raises(BundleError, match="nobody called 'ben' is enrolled"):
        facedge.enroll(pictures(0, range(3)), onto="ben")


def test_two_updates_at_the_same_time_lose_nothing(base: Bundle) -> None:
    facedge.enroll(pictures(0, range(3)), bundle=base).save("ana")
    count = len(saved_samples("ana"))
    first, second = (facedge.enroll(pictures(0, takes), onto="ana") for takes in (range(40, 42), range(50, 53)))
    first.save("ana")
    saved = second.save("ana")
    assert len(saved_samples("ana")) == count + len(first.samples) + len(second.samples)
    assert saved.fitted.samples == len(saved_samples("ana"))
    assert saved.verifier.threshold == facedge.load(bundle_of("ana")).threshold


def test_an_update_does_not_bring_a_forgotten_person_back(base: Bundle) -> None:
    facedge.enroll(pictures(0, range(3)), bundle=base).save("ana")
    update = facedge.enroll(pictures(0, range(40, 43)), onto="ana")
    store.forget(bundle_of("ana"))
    with pytest.raises(BundleError, match="was deleted meanwhile"):
        update.save("ana")
    assert list(data_home().iterdir()) == []


KILLED = """
import os, signal, sys
import numpy as np
import facedge
from facedge.bundle.resolve import bundle_of

name, after = sys.argv[1], int(sys.argv[2])
made = facedge.enroll(list(np.load(sys.argv[3])), onto="ana")
real, calls = getattr(os, name), 0

def counted(*args, **options):
    global calls
    calls += 1
    if calls > after:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **options)

setattr(os, name, counted)
made.save("ana")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.skipif(
    "secrets" in vars(sys.modules[write_bundle.__module__]), reason="write_bundle names its staging directory itself"
)
@pytest.mark.parametrize("call", ["mkdir", "fsync", "unlink"])
def test_a_killed_update_leaves_the_old_bundle_or_the_new_and_forget_leaves_nothing(
    base: Bundle, tmp_path: Path, call: str
) -> None:
    """Killed at each of its system calls in turn, of those that make, sync or delete files."""
    np.save(tmp_path / "more.npy", np.stack(pictures(0, range(40, 43))))
    first = facedge.enroll(pictures(0, range(3)), bundle=base)
    for after in range(60):
        first.save("ana")
        command = [sys.executable, "-c", KILLED, call, str(after), str(tmp_path / "more.npy")]
        code = subprocess.run(command, check=False).returncode
        assert code in (0, -signal.SIGKILL)
        assert len(saved_samples("ana")) >= len(first.samples)
        store.forget(bundle_of("ana"))
        assert list(data_home().iterdir()) == []
        if code == 0:
            return
    raise AssertionError("it never ended")


@pytest.mark.parametrize("photos", [[], 5, "nowhere"])
def test_no_photos_end_in_one_sentence(base: Bundle, photos: object) -> None:
    with pytest.raises(InputError, match="expected a"):
        facedge.enroll(photos, bundle=base)


def test_bad_photos_and_arrays_end_in_one_sentence(base: Bundle) -> None:
    with pytest.raises(InputError, match=r"no photo is good enough to enroll with \(1 x more light\)"):
        facedge.enroll([np.zeros((218, 178, 3), np.uint8)], bundle=base)
    with pytest.raises(InputError, match="expected uint8 RGB"):
        facedge.enroll([np.zeros((218, 178, 3), np.float32)], bundle=base)


def test_two_signs_of_a_squeezed_picture_refuse_and_one_warns(base: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = enroll.open_base(base)
    photos = [check_photo(opened.embedder, image, str(k)) for k, image in enumerate(pictures(0, range(3)))]
    narrow = [dataclasses.replace(photo, stretch=-0.2) for photo in photos]
    assert "squeezed to 0.82" in enroll.enroll_checked(opened, narrow).warnings[0]
    monkeypatch.setattr(
        enroll, "fit", lambda *a, **k: dataclasses.replace(fit(*a, **k), condition=REFUSED_IF_DOUBTFUL[0])
    )
    with pytest.raises(InputError, match=r"me: the pictures seem squeezed to 0\.82"):
        enroll.enroll_checked(opened, narrow, where="me: ")
    assert enroll.enroll_checked(opened, photos).used


def test_what_is_refused_if_doubtful_are_conditions() -> None:
    assert set(REFUSED_IF_DOUBTFUL) <= set(CONDITIONS)

"""libfacedge: bundles, crops and photos; crops and decisions are those of facedge."""

import ctypes
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_bundle
from libfacedge import (
    BAD_ARGUMENT,
    BAD_BUNDLE,
    BGR,
    BGRA,
    GREY,
    NO_DETECTOR,
    NO_ENGINE,
    NV12,
    OK,
    RGB,
    RGBA,
    Decision,
    File,
    Image,
    Library,
    Result,
    photo_of,
    run,
    score_of,
    search,
)

from facedge.enrollment.enroll import enroll
from facedge.faces.crop import find_crop
from facedge.faces.options import FaceOptions
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb
from facedge.runtime.verifier import load
from facedge.types import UInt8Array

# --- bundles and crops ---


def test_a_bundle_from_memory(library: Library, tiny: Path) -> None:
    contents = {path.name: path.read_bytes() for path in tiny.iterdir()}
    image, expected = tiny_bundle.crop(0), score_of(load(tiny), tiny_bundle.crop(0))

    def opened(files: dict[str, bytes]) -> tuple[int, ctypes.c_void_p]:
        items = (File * len(files))(*(File(name.encode(), data, len(data)) for name, data in files.items()))
        handle = ctypes.c_void_p()
        options = ctypes.byref(library.options)
        status = library.c.facedge_open_files(items, len(files), options, ctypes.byref(handle), library.why, 512)
        return status, handle

    status, handle = opened(contents)
    assert status == OK, library.why.value
    assert library.verify(handle, photo_of(image)).score == pytest.approx(expected, abs=1e-6)
    library.c.facedge_close(handle)
    assert opened({**contents, "more.txt": b"x"})[0] == BAD_BUNDLE
    assert opened({name: data for name, data in contents.items() if name != "head.onnx"})[0] == BAD_BUNDLE
    assert opened({**contents, "head.onnx": contents["head.onnx"] + b"x"})[0] == BAD_BUNDLE


def test_a_batch_of_crops(library: Library, tiny: Path) -> None:
    handle, verifier = library.open(tiny), load(tiny)
    crops = [np.ascontiguousarray(tiny_bundle.crop(seed)) for seed in range(4)]
    images = (Image * 4)(*(Image(crop.ctypes.data, *crop.shape[:2], crop.strides[0]) for crop in crops))
    decisions = (Decision * 4)()
    assert library.c.facedge_verify_batch(handle, images, 4, decisions, library.why, 512) == OK
    for decision, crop in zip(decisions, crops, strict=True):
        assert decision.score == pytest.approx(score_of(verifier, crop), abs=1e-6)
        assert decision.accepted == (decision.score >= decision.threshold)
    images[2].height = 0
    assert library.c.facedge_verify_batch(handle, images, 4, decisions, library.why, 512) == BAD_ARGUMENT
    assert library.why.value.startswith(b"crop 2: ") and not decisions[3].accepted
    library.c.facedge_close(handle)


def test_without_a_verifier_or_images_a_result_of_before_is_gone(library: Library) -> None:
    photo, result, decisions = photo_of(tiny_bundle.crop(0)), Result(ctypes.sizeof(Result), 1), (Decision * 2)()
    decisions[1].accepted = 1
    call = (None, ctypes.byref(photo), None, ctypes.byref(result), library.why, 512)
    assert library.c.facedge_verify_photo(*call) == BAD_ARGUMENT and not result.accepted
    assert library.c.facedge_verify_batch(None, None, 2, decisions, library.why, 512) == BAD_ARGUMENT
    assert not decisions[1].accepted


@pytest.mark.parametrize("field", ["struct_size", "pixels", "height", "format", "rotation"])
def test_a_wrong_photo_is_an_error_and_accepts_nobody(library: Library, tiny: Path, field: str) -> None:
    handle, pixels = library.open(tiny), tiny_bundle.crop(0)
    photo, result = photo_of(pixels), Result(ctypes.sizeof(Result), 1)
    setattr(photo, field, {"struct_size": 8, "pixels": None, "height": 0, "format": 9, "rotation": 45}[field])
    call = (handle, ctypes.byref(photo), None, ctypes.byref(result), library.why, 512)
    assert library.c.facedge_verify_photo(*call) == BAD_ARGUMENT
    assert not result.accepted and library.why.value
    library.c.facedge_close(handle)


def test_without_the_detector_it_says_what_to_set(built: Path, engine: str, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"x")
    for path, sentence in ((Path(), b"set FACEDGE_DETECTOR"), (tmp_path / "other.onnx", b"got another file")):
        library = Library(built / "libfacedge.so.0", engine, path)
        library.options.detector = str(path).encode() if path.name else b""
        handle, pixels = library.open(tiny), np.zeros((300, 300, 3), np.uint8)
        photo, result = photo_of(pixels), Result(ctypes.sizeof(Result))
        call = (handle, ctypes.byref(photo), None, ctypes.byref(result), library.why, 512)
        assert library.c.facedge_verify_photo(*call) == NO_DETECTOR
        assert sentence in library.why.value
        library.c.facedge_close(handle)


def test_an_old_engine_is_named(built: Path, tiny: Path, tmp_path: Path) -> None:
    source = (
        'static const char *version(void) { return "1.17.3"; }\n'
        "static const struct { void *api; const char *(*version)(void); } base = {0, version};\n"
        "const void *OrtGetApiBase(void) { return &base; }\n"
    )
    (tmp_path / "old.c").write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "old.c", "-o", "libonnxruntime.so.1.17"], cwd=tmp_path, check=True)
    library = Library(built / "libfacedge.so.0", str(tmp_path / "libonnxruntime.so.1.17"), None)
    handle = ctypes.c_void_p()
    call = (str(tiny).encode(), ctypes.byref(library.options), ctypes.byref(handle), library.why, 512)
    assert library.c.facedge_open(*call) == NO_ENGINE
    assert b"expected onnxruntime 1.18 or later" in library.why.value and b"1.17.3" in library.why.value


@pytest.mark.parametrize("name", ["libonnxruntime.so.1", "libonnxruntime.so", "libonnxruntime.so.1.21"])
def test_the_engine_is_found_under_the_names_of_distributions(
    built: Path, engine: str, tiny: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).symlink_to(engine)
    (tmp_path / "crop.ppm").write_bytes(b"P6 178 218 255\n" + tiny_bundle.crop(0).tobytes())
    env = {key: value for key, value in os.environ.items() if key != "FACEDGE_ONNXRUNTIME"}
    command = [built / "facedge-c", "verify", "crop.ppm", "-b", tiny]
    done = run(command, {**env, "LD_LIBRARY_PATH": str(tmp_path)}, tmp_path)
    assert done.returncode in (0, 1), done.stderr


# --- photos ---


def nv12(rgb: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    """BT.601 planes of a picture with even sides: luma (H, W), chroma (H / 2, W)."""
    r, g, b = (rgb[..., k].astype(float) for k in range(3))
    luma = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    blue, red = 128 - 0.148 * r - 0.291 * g + 0.439 * b, 128 + 0.439 * r - 0.368 * g - 0.071 * b
    half = [plane.reshape(len(plane) // 2, 2, -1, 2).mean(axis=(1, 3)) for plane in (blue, red)]
    chroma = np.stack(half, axis=2).reshape(len(half[0]), -1)
    return luma.round().astype(np.uint8), chroma.round().astype(np.uint8)


@pytest.mark.real
@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("kind", ["bgr", "rgba", "bgra", "grey", "gaps", "upward", 90, 180, 270])
def test_every_layout_gives_the_crop_of_facedge(
    library: Library, tiny: Path, person: UInt8Array, kind: str | int
) -> None:
    alpha = np.full((*person.shape[:2], 1), 7, np.uint8)
    grey = np.ascontiguousarray(person[..., 1])
    padded = np.zeros((person.shape[0], person.shape[1] + 5, 3), np.uint8)
    padded[:, : person.shape[1]] = person
    layouts: dict[str | int, tuple[Any, int, int]] = {
        "bgr": (person[:, :, ::-1], BGR, 0),
        "rgba": (np.concatenate([person, alpha], axis=2), RGBA, 0),
        "bgra": (np.concatenate([person[:, :, ::-1], alpha], axis=2), BGRA, 0),
        "grey": (grey, GREY, 0),
        "gaps": (padded, RGB, 0),
        "upward": (person[::-1], RGB, 0),
        **{degrees: (np.rot90(person, degrees // 90), RGB, degrees) for degrees in (90, 180, 270)},
    }
    pixels, format_, rotation = layouts[kind]
    pixels = np.ascontiguousarray(pixels)
    photo = photo_of(pixels, format_, rotation)
    if kind == "gaps":
        photo.width = person.shape[1]
    if kind == "upward":
        photo.pixels, photo.row_stride = pixels[-1].ctypes.data, -pixels.strides[0]
    handle = library.open(tiny)
    result, crop = library.find(handle, photo)
    expected = find_crop(grey if kind == "grey" else person, aligned=False)
    np.testing.assert_array_equal(crop, expected.crop)
    assert (result.reason, result.turned, result.faces) == (None, 0, 1)
    library.c.facedge_close(handle)


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_nv12_is_the_same_picture(library: Library, tiny: Path, person: UInt8Array) -> None:
    luma, chroma = nv12(person)
    photo = photo_of(luma, NV12)
    photo.chroma, photo.chroma_stride = chroma.ctypes.data, chroma.strides[0]
    handle = library.open(tiny)
    _, crop = library.find(handle, photo)
    expected = find_crop(person, aligned=False).crop
    assert expected is not None
    assert (
        np.abs(crop.astype(int) - expected).mean() < 5
    )  # chroma at half size, landmarks up to a step of the grid apart
    library.c.facedge_close(handle)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.usefixtures("detector")
def test_crops_and_decisions_on_photos_are_those_of_facedge(
    library: Library, built: Path, engine: str, shared_data: Path, tmp_path: Path
) -> None:
    photos = shared_data / "photos"
    saved = enroll(photos / "me").save(tmp_path / "me.facedge")
    verifier, handle = saved.verifier, library.open(tmp_path / "me.facedge")
    paths = [*sorted(photos.rglob("*.jp*g")), *sorted((shared_data / "non_face").rglob("*.jp*g"))[:3]]
    turned = [np.ascontiguousarray(np.rot90(load_rgb(paths[0]), k)) for k in (1, 2, 3)]
    compared = 0
    for image in [*map(load_rgb, paths), *turned]:
        for policy in ("largest", "only"):
            expected = find_crop(image, FaceOptions(policy=policy), aligned=False)
            result, crop = library.find(handle, photo_of(image), search(policy))
            assert (result.reason or b"").decode() == (expected.reason or "")
            assert (result.turned, result.faces) == (expected.turned, len(expected.faces))
            if expected.crop is None:
                continue
            compared += 1
            np.testing.assert_array_equal(crop, expected.crop)
            assert tuple(result.face.box) == expected.box
            np.testing.assert_array_equal(np.array(result.face.landmarks).reshape(5, 2), expected.landmarks)
        decision, mine = verifier.verify(image), library.verify(handle, photo_of(image))
        assert (bool(mine.accepted), (mine.reason or b"").decode()) == (decision.accepted, decision.reason or "")
        if decision.score is not None and decision.score == decision.score:
            assert mine.score == pytest.approx(decision.score, abs=1e-6)
    assert compared > 20
    library.c.facedge_close(handle)
    if not has_jpeg(built):
        pytest.skip("the rest needs libjpeg-turbo (apt install libturbojpeg0-dev)")
    env = {**os.environ, "FACEDGE_ONNXRUNTIME": engine, "FACEDGE_DETECTOR": str(find_model())}
    done = run([built / "facedge-c", "verify", paths[0], "-b", tmp_path / "me.facedge"], env, tmp_path)
    assert f'"score": {float(np.float32(verifier.verify(paths[0]).score or 0)):.4f}'[:14] in done.stdout


def has_jpeg(built: Path) -> bool:
    return b"JPEG, or binary PPM" in (built / "facedge-c").read_bytes()


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_threads_share_a_verifier(library: Library, tiny: Path, person: UInt8Array) -> None:
    handle = library.open(tiny)
    views = [np.ascontiguousarray(person[:, : 1280 - 40 * k]) for k in range(4)]
    expected = [library.verify(handle, photo_of(view)).score for view in views]
    found: list[list[float]] = [[] for _ in views]

    def work(k: int) -> None:
        for _ in range(3):
            found[k].append(library.verify(handle, photo_of(views[k])).score)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(views))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[score] * 3 for score in expected]
    library.c.facedge_close(handle)

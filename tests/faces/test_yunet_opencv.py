"""The detector beside OpenCV's FaceDetectorYN on the same file and the same pixels."""

from pathlib import Path

import numpy as np
import pytest

from facedge.faces.boxes import decode, non_max_suppression
from facedge.faces.detect import detect
from facedge.faces.yunet import Detector
from facedge.types import Float32Array, UInt8Array

cv2 = pytest.importorskip("cv2", reason="OpenCV is only here to compare with")

PHOTOS = ["me/obama-720p.jpg", "group/obama_and_biden.jpg", "group/two_people.jpg", "others/img1.jpg"]


def opencv_faces(detector: Detector, bgr: UInt8Array) -> Float32Array:
    """Rows of x, y, w, h, ten landmark coordinates and a score, by falling score."""
    height, width = bgr.shape[:2]
    peer = cv2.FaceDetectorYN.create(str(detector.path), "", (width, height), 0.6, 0.3, 5000)
    rows = peer.detect(bgr)[1]
    return np.asarray(sorted(rows, key=lambda row: -row[14]), np.float32)


@pytest.mark.real
@pytest.mark.parametrize("side", [(320, 320), (256, 448), (640, 640)])
@pytest.mark.parametrize("name", PHOTOS)
def test_boxes_landmarks_and_scores_equal_opencvs_within_a_pixel(
    shared_data: Path, name: str, side: tuple[int, int]
) -> None:
    detector = Detector()
    bgr = cv2.resize(cv2.imread(str(shared_data / "photos" / name)), side[::-1], interpolation=cv2.INTER_AREA)
    planes = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None], dtype=np.float32)
    ours = non_max_suppression(decode(detector.run(planes), side[1], 0.6), 0.3)
    theirs = opencv_faces(detector, bgr)
    assert len(ours.scores) == len(theirs) > 0
    corners = np.concatenate([theirs[:, :2], theirs[:, :2] + theirs[:, 2:4]], axis=1)
    assert np.abs(ours.boxes - corners).max() < 1
    assert np.abs(ours.landmarks.reshape(-1, 10) - theirs[:, 4:14]).max() < 1
    assert np.abs(ours.scores - theirs[:, 14]).max() < 0.01


@pytest.mark.real
def test_a_whole_photo_gives_the_faces_that_opencv_finds_in_it(shared_data: Path) -> None:
    """Ours on 640 pixels, OpenCV on the whole 1280x720 photo: the same face, within a few per cent of its size."""
    rgb = cv2.imread(str(shared_data / "photos" / "me" / "obama-720p.jpg"))[:, :, ::-1]
    ours = detect(rgb, min_face=0.0375)[0]
    theirs = opencv_faces(Detector(), np.ascontiguousarray(rgb[:, :, ::-1]))[0]
    assert np.abs(ours.landmarks.reshape(10) - theirs[4:14]).max() < 0.05 * theirs[2]

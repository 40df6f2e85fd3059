"""Take the pictures of README.md: the page in headless Chromium, before a face that facedge drew itself.

python deploy/web/pictures.py NAME.facedge           # needs chromium, OpenCV and the page's npm packages
"""

import io
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WEB = Path(__file__).resolve().parent
sys.path.insert(0, str(WEB.parents[1] / "tests" / "support"))
import web_page  # noqa: E402

from facedge.dataset.synthetic import synthetic_face  # noqa: E402

ME, STRANGER, SEED = 3, 14, 5
FRAMES = 150
WIDTH, HEIGHT = 390, 720
STEPS = ("1-welcome", "2-enrolling", "5-accepted", "7-rejected")

Image3 = NDArray[np.uint8]


def scene(identity: int) -> Image3:
    """A drawn person before a soft background, uint8 (480, 640, 3) RGB."""
    jpeg, _ = synthetic_face(SEED, identity, 0)
    face = cv2.resize(
        np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")), (392, 480), interpolation=cv2.INTER_CUBIC
    )
    wide = cv2.copyMakeBorder(face, 0, 0, 124, 124, cv2.BORDER_REPLICATE)
    inside = np.zeros((480, 640), np.float32)
    inside[:, 132:508] = 1
    sharp = cv2.GaussianBlur(inside, (0, 0), 9)[..., None]
    mixed = wide * sharp + cv2.GaussianBlur(wide, (0, 0), 18) * (1 - sharp)
    return np.asarray(mixed, np.uint8)


def write_video(picture: Image3, path: Path) -> None:
    """The picture, gently moving, as the motion JPEG that Chromium takes for a camera."""
    with path.open("wb") as file:
        for turn in 2 * np.pi * np.arange(FRAMES) / FRAMES:
            move = cv2.getRotationMatrix2D((320, 260), 2.5 * np.sin(turn), 1 + 0.02 * np.sin(2 * turn))
            move[:, 2] += [8 * np.sin(turn), 4 * np.cos(2 * turn)]
            frame = cv2.warpAffine(picture, move, (640, 480), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            file.write(cv2.imencode(".jpg", frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])[1].tobytes())


def main(bundle: Path, out: Path) -> None:
    """Walk through the page once in light and once in dark, and keep four steps of each side by side."""
    browser = web_page.chromium()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        site = web_page.build(bundle, scratch / "site")
        (site / "kit").mkdir()
        Image.fromarray(scene(STRANGER)).save(site / "kit" / "stranger.png")
        write_video(scene(ME), scratch / "me.mjpeg")
        for look in ("light", "dark"):
            options = {"colorScheme": look, "width": WIDTH, "height": HEIGHT, "pictures": temporary}
            video = str(scratch / "me.mjpeg")
            said = web_page.drive("flow", site, browser, scratch, video=video, others=["stranger.png"], **options)
            print(look, said["me"], said["others"])
            strip = [np.asarray(Image.open(scratch / f"{step}.png").convert("RGB")) for step in STEPS]
            out.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.hstack(strip)).save(out / f"{look}.jpg", quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else WEB / "pictures")

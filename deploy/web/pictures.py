"""Take the pictures of README.md: the page in headless Chromium, before a face that facedge drew itself.

python deploy/web/pictures.py NAME.facedge           # needs chromium, OpenCV and the page's npm packages
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

WEB = Path(__file__).resolve().parent
sys.path.insert(0, str(WEB.parents[1] / "tests" / "support"))
import web_page  # noqa: E402
from drawn_scene import ME, STRANGER, Image3, moving, scene  # noqa: E402

WIDTH, HEIGHT = 390, 720
STEPS = ("1-welcome", "2-enrolling", "5-accepted", "7-rejected")


def write_video(picture: Image3, path: Path) -> None:
    """The picture, gently moving, as the motion JPEG that Chromium takes for a camera."""
    with path.open("wb") as file:
        for frame in moving(picture):
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

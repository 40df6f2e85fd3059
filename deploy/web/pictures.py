"""Take the pictures of README.md: the page in headless Chromium, with a drawn face before its camera.

python deploy/web/pictures.py NAME.facedge           # needs chromium, OpenCV and the page's npm packages
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

WEB = Path(__file__).resolve().parent
sys.path.insert(0, str(WEB.parent / "tools"))
from drawn_scene import ENROLLED, IMPOSTOR, moving, scene  # noqa: E402
import web_page  # noqa: E402

from facedge.types import UInt8Array  # noqa: E402

WIDTH, HEIGHT = 390, 900
STEPS = ("1-welcome", "2-enrolling", "5-accepted", "7-rejected")


def write_video(picture: UInt8Array, path: Path) -> None:
    """The picture in slight motion, as the motion JPEG that Chromium takes as a camera."""
    with path.open("wb") as file:
        for frame in moving(picture):
            file.write(cv2.imencode(".jpg", frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])[1].tobytes())


def main(bundle: Path, out: Path) -> None:
    """Go through the page in the light and the dark colour scheme, and save four steps of each side by side."""
    browser = web_page.chromium()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        site = web_page.build(bundle, scratch / "site")
        (site / "kit").mkdir()
        Image.fromarray(scene(IMPOSTOR)).save(site / "kit" / "impostor.png")
        write_video(scene(ENROLLED), scratch / "me.mjpeg")
        for scheme in ("light", "dark"):
            options = {"colorScheme": scheme, "width": WIDTH, "height": HEIGHT, "pictures": temporary}
            video = str(scratch / "me.mjpeg")
            found = web_page.drive("flow", site, browser, scratch, video=video, others=["impostor.png"], **options)
            print(scheme, found["me"], found["others"])
            strip = [np.asarray(Image.open(scratch / f"{step}.png").convert("RGB")) for step in STEPS]
            out.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.hstack(strip)).save(out / f"{scheme}.jpg", quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else WEB / "pictures")

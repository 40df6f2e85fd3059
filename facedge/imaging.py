"""Image files to pixels: any JPEG, PNG, WebP or BMP becomes uint8 RGB (H, W, 3), upright, or one clear ImageError."""

import os
import stat
import struct
from collections import deque
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile

from facedge.errors import ImageError, InputError

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp"})
"""What `find_images` takes for an image, in any case; `load_rgb` looks at the bytes alone."""

MAX_PIXELS: Final = 100_000_000
"""The default limit of width x height: larger than any camera's photo, small enough to decode (300 MB)."""

_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OTHERS: Final = {
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip file",
}


def load_rgb(source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The image in a file (or in encoded `bytes`) as C-contiguous uint8 RGB (H, W, 3).

    The EXIF orientation is applied, transparency is laid over white, 16-bit grey is rounded to 8 bits, CMYK becomes
    RGB, and of an animation the first frame counts. An image of more than `max_pixels` is refused before any pixel
    is decoded. Raises ImageError with one sentence for anything that is not a whole image.
    """
    name = "the image in memory" if isinstance(source, bytes) else str(source)
    if not isinstance(source, bytes | str | os.PathLike):
        raise InputError(f"expected an image as a path or as encoded bytes, got {type(source).__name__}")
    with _open(source, name) as stream:
        try:
            image = _header(stream, name)
            _check_size(image, name, max_pixels)
            return _pixels(image)
        except (ImageError, MemoryError):
            raise
        except Exception as problem:  # damaged files raise a dozen kinds: OSError, SyntaxError, struct.error...
            raise ImageError(
                f"{name} is damaged or cut short ({_first_line(problem)}): copy it again or remove it"
            ) from problem


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Every image under `folder`, at any depth, sorted by path; hidden files and folders are left out.

    Links to folders are followed, each folder once, so loops end. Raises ImageError if `folder` is not a folder.
    """
    root = Path(folder)
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise ImageError(f"expected a folder of images at {root}, found {came} there: check the path")
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    pending = deque([root])  # real folders at the front, links at the back: a photo is found where it really lies
    while pending:
        place = pending.popleft()
        status = place.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in _children(place):
            path = place / entry.name
            if entry.is_dir():
                (pending.append if entry.is_symlink() else pending.appendleft)(path)
            elif path.suffix.lower() in IMAGE_SUFFIXES and entry.is_file():
                found.append(path)
    return sorted(found)


def _children(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as problem:
        raise ImageError(f"cannot list the folder {folder} ({problem.strerror}): check its permissions") from problem


def _open(source: str | os.PathLike[str] | bytes, name: str) -> IO[bytes]:
    if isinstance(source, bytes):
        return BytesIO(source)
    try:
        mode = Path(source).stat().st_mode
        if not stat.S_ISREG(mode):  # a FIFO would block, a device would never end
            raise ImageError(
                f"expected an image file at {name}, found {'a folder' if stat.S_ISDIR(mode) else 'a device'}"
            )
        return Path(source).open("rb")
    except FileNotFoundError as problem:
        raise ImageError(f"no image at {name}: check the path") from problem
    except (OSError, ValueError) as problem:
        raise ImageError(
            f"cannot read {name} ({_first_line(problem)}): check the path and its permissions"
        ) from problem


class _Jpeg(JpegImageFile):
    """A JPEG whose EXIF block Pillow leaves alone: nobody here asks for the dpi it looks for, with warnings."""

    def _read_dpi_from_exif(self) -> None:
        pass


def _header(stream: IO[bytes], name: str) -> ImageFile.ImageFile:
    """Parse the header of one of the four formats, told apart by the bytes, never by the file's name.

    The format's class is called directly: `Image.open` would warn about large images through process-wide state.
    """
    start = stream.read(16)
    stream.seek(0)
    if start.startswith(b"\xff\xd8\xff"):
        return _Jpeg(stream, name)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        from PIL.PngImagePlugin import PngImageFile  # late: most photos are JPEGs, and a start should be short

        return PngImageFile(stream, name)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile(stream, name)
    if start.startswith(b"BM"):
        return BmpImageFile(stream, name)
    raise ImageError(f"expected a JPEG, PNG, WebP or BMP image, but {name} {_looks_like(start)}")


def _looks_like(start: bytes) -> str:
    if not start:
        return "is empty (0 bytes): copy it again or remove it"
    if start[4:8] == b"ftyp":
        return "is HEIC, AVIF or a video: convert it to JPEG"
    kind = next((text for magic, text in _OTHERS.items() if start.startswith(magic)), "")
    return f"is {kind}: convert it to JPEG" if kind else "holds something else: remove it or convert it"


def _check_size(image: ImageFile.ImageFile, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name} has {width} x {height} pixels and the limit is {max_pixels / 1e6:g} million: scale it down first"
        )
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width} x {height}): remove it")


def _pixels(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    image.load()
    turn = _TRANSPOSE.get(exif_orientation(image.info.get("exif", b"")))
    upright = image.transpose(turn) if turn is not None else image
    return np.array(_as_rgb(upright), dtype=np.uint8)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip, not scale
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray(((np.clip(wide, 0, 65535) + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def exif_orientation(exif: object) -> int:
    """The Orientation (tag 0x0112 of IFD 0, EXIF 2.32) in a block of EXIF data, 1 to 8; 1 where it cannot be read.

    Read here and not by Pillow, which warns or raises on damaged EXIF: a bad tag must not cost a good photo.
    """
    if not isinstance(exif, bytes):
        return 1
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        for k in range(entries):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", data, start + 2 + 12 * k)
            if (tag, kind) == (0x0112, 3):
                return value if 1 <= value <= 8 else 1
    except struct.error:  # the block ends early
        pass
    return 1


def _first_line(problem: Exception) -> str:
    lines = str(getattr(problem, "strerror", None) or problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__

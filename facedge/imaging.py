"""Image files to pixels: uint8 RGB (H, W, 3), upright, or one ImageError with the file's name.

JPEG, PNG, WebP, BMP, GIF, TIFF, PSD and binary PPM, AVIF and JPEG 2000 where Pillow was built with them, and HEIC
where pillow-heif is installed; recognised by their bytes, never by the file's name. Pillow reads more, but no photos
come as icons, textures or Postscript, and some of these run programs or hide a large image behind a small size.
"""

import io
import os
import re
import stat
import struct
import threading
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final, NamedTuple

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from facedge.errors import ImageError, InputError, first_line
from facedge.exif import orientation
from facedge.formatting import printable
from facedge.types import UInt8Array

MAX_PIXELS: Final = 100_000_000
"""The default limit of width x height of a decoded image."""

MAX_SIDE: Final = 16_384  # pixels: the most that facedge.preprocessing takes
MAX_MEMORY: Final = 340_000_000  # bytes while decoding: 400 MB for a process with the interpreter, numpy and Pillow
REDUCTIONS: Final = (1, 2, 4, 8)  # by which a JPEG decoder can scale down while it decodes
BAND_PIXELS: Final = 1 << 20  # pixels converted to RGB at a time

_FOREIGN: Final = {b"%PDF": "a PDF", b"PK\x03\x04": "a zip file"}
_UNSUPPORTED: Final = re.compile(
    "unsupported|unknown|cannot handle|not supported|not installed|not available|no module", re.I
)
_one_at_a_time = threading.Lock()  # warnings.catch_warnings changes state of the whole process


def load_rgb(source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS) -> UInt8Array:
    """The image in a file (or in encoded `bytes`) as C-contiguous uint8 RGB (H, W, 3).

    The orientation in EXIF or XMP is applied, transparency is laid over white, 16-bit grey is rounded to 8 bits, CMYK
    becomes RGB, and of an animation the first frame counts. A JPEG that is too large (more than `max_pixels`, a side
    over 16,384 pixels, or more than 340 MB of memory) is decoded at 1/2, 1/4 or 1/8 of its size; any other image that
    is too large is refused from its header. Raises ImageError with one sentence for anything that is not a whole image.
    """
    if not isinstance(source, bytes | str | os.PathLike):
        raise InputError(f"expected an image as a path or as encoded bytes, got {type(source).__name__}")
    name = "the image in memory" if isinstance(source, bytes) else printable(os.fspath(source))
    with _open(source, name) as stream:
        try:
            start = stream.read(32)
            stream.seek(0)
            if start.startswith(b"\xff\xd8\xff"):
                return _jpeg(_Jpeg(stream, name), name, max_pixels)
            with _one_at_a_time, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns about odd metadata, which is not used here
                return _other(stream, start, name, max_pixels)
        except ImageError:
            raise
        except MemoryError as problem:
            raise ImageError(f"{name} takes more memory than there is: scale it down first") from problem
        except Exception as problem:  # damaged files raise a dozen kinds: OSError, SyntaxError, struct.error...
            reason = _reason(problem)
            if _UNSUPPORTED.search(reason):
                raise ImageError(
                    f"{name} is an image of a kind that is not read ({reason}): convert it to an ordinary JPEG or PNG"
                ) from problem
            raise ImageError(f"{name} is damaged or cut short ({reason}): copy it again or remove it") from problem


def from_pil(image: Image.Image) -> UInt8Array:
    """A Pillow image as C-contiguous uint8 RGB (H, W, 3), converted and turned upright as `load_rgb` does.

    Raises ImageError where its pixels cannot be read, or where it is larger than `load_rgb` allows.
    """
    name = "the Pillow image"
    _check_size(name, image.size, MAX_PIXELS, 0, image.mode)
    try:
        return _pixels(image, name)
    except ImageError:
        raise
    except MemoryError as problem:
        raise ImageError(f"{name} takes more memory than there is: scale it down first") from problem
    except Exception as problem:  # Pillow reads files when pixels are first used
        raise ImageError(f"{name} cannot be read ({_reason(problem)}): open its file again") from problem


# --- files and formats ---


def _open(source: str | os.PathLike[str] | bytes, name: str) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        mode = Path(source).stat().st_mode
        if stat.S_ISDIR(mode):
            os.scandir(source).close()  # raises where the folder cannot be listed, which find_images relies on
            raise ImageError(f"expected an image file at {name}, found a folder")
        if not stat.S_ISREG(mode):  # a FIFO would block, a device would never end
            raise ImageError(f"expected an image file at {name}, found a device")
        return _WholeFile(io.FileIO(source))
    except FileNotFoundError as problem:
        raise ImageError(f"no image at {name}: check the path") from problem
    except (OSError, ValueError) as problem:
        raise ImageError(f"cannot read {name} ({_reason(problem)}): check the path and its permissions") from problem


class _WholeFile(io.BufferedReader):
    """A file whose `read` asks for no more than the file holds: Python allocates what a damaged length asks for."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self._size = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes."""
        return super().read(size if size is None or size < 0 else min(size, max(0, self._size - self.tell())))


class _Jpeg(JpegImageFile):
    """A JPEG whose EXIF block Pillow does not parse: it would look for the dpi there, with warnings."""

    def _read_dpi_from_exif(self) -> None:
        pass


def _jpeg(image: _Jpeg, name: str, max_pixels: int) -> UInt8Array:
    """Decode at full size, or at the largest fraction of it that is small enough."""
    width, height = image.size
    coefficients = width * height * _coefficient_bytes(image)
    for by in REDUCTIONS if width * height <= 4 * max_pixels else ():
        reduced = -(-width // by), -(-height // by)
        # libjpeg frees the coefficients before the result, 3 bytes a pixel, is allocated
        extra = max(0.0, coefficients - 3 * reduced[0] * reduced[1])
        if _too_large(reduced, max_pixels, extra, image.mode) is None:
            if by > 1:
                image.draft(None, (max(1, width // by), max(1, height // by)))
            _check_size(name, image.size, max_pixels, extra, image.mode)
            return _pixels(image, name)
    _check_size(name, image.size, max_pixels, coefficients, image.mode)
    raise ImageError(f"{name} has {width} x {height} pixels, which is too large at any scale: scale it down first")


def _coefficient_bytes(image: JpegImageFile) -> float:
    """Bytes a pixel that libjpeg keeps until the end of a progressive file: all coefficients, 2 bytes each."""
    if "progressive" not in image.info:
        return 0.0
    factors = [(h, v) for _, h, v, _ in image.layer]
    full = max(h for h, _ in factors) * max(v for _, v in factors)
    return 2 * sum(h * v for h, v in factors) / max(full, 1)


def _other(stream: IO[bytes], start: bytes, name: str, max_pixels: int) -> UInt8Array:
    """Decode any format but JPEG. Its class is called directly: `Image.open` would try all formats of Pillow."""
    found = next((kind for kind in _FORMATS if kind.matches(start)), None)
    if found is None:
        raise ImageError(f"expected a JPEG, PNG, WebP, BMP, GIF or TIFF image, but {name} {_foreign(start)}")
    if found.module == HEIF and find_spec("pillow_heif") is None:
        raise ImageError(f"{name} is a HEIC photo: pip install 'facedge[heic]', or convert it to JPEG")
    if found.module == "PIL.WebPImagePlugin" and (size := _webp_size(start)):  # its decoder allocates when it is opened
        _check_size(name, size, max_pixels, found.extra * size[0] * size[1], "RGB")
    image = getattr(import_module(found.module), found.kind)(stream, name)
    _check_size(name, image.size, max_pixels, found.extra * image.width * image.height, image.mode)
    return _pixels(image, name)


class _Format(NamedTuple):
    """A file format: a pattern of its first bytes, Pillow's class, and bytes a pixel its decoder needs besides."""

    start: re.Pattern[bytes]
    module: str
    kind: str
    extra: int

    def matches(self, start: bytes) -> bool:
        return self.start.match(start) is not None


HEIF: Final = "pillow_heif.as_plugin"
_FORMATS: Final = (
    _Format(re.compile(rb"\x89PNG\r\n\x1a\n"), "PIL.PngImagePlugin", "PngImageFile", 0),
    _Format(re.compile(rb"RIFF.{4}WEBP", re.S), "PIL.WebPImagePlugin", "WebPImageFile", 9),
    _Format(re.compile(rb"BM"), "PIL.BmpImagePlugin", "BmpImageFile", 0),
    _Format(re.compile(rb"GIF8"), "PIL.GifImagePlugin", "GifImageFile", 0),
    _Format(re.compile(rb"II[*+]\0|MM\0[*+]"), "PIL.TiffImagePlugin", "TiffImageFile", 4),
    _Format(re.compile(rb".{4}ftyp.*avi[fs]", re.S), "PIL.AvifImagePlugin", "AvifImageFile", 6),
    # 12 megapixels of JPEG 2000 peak at 19.5 bytes a pixel with OpenJPEG 2.5
    _Format(re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile", 16),
    _Format(re.compile(rb"P[456]\s"), "PIL.PpmImagePlugin", "PpmImageFile", 0),  # P1 to P3 take 2 s a megapixel
    _Format(re.compile(rb"8BPS\0\x01"), "PIL.PsdImagePlugin", "PsdImageFile", 4),
    # 12 and 24 megapixels of HEIC peak at 7.3 bytes a pixel with libheif 1.23; 10-bit photos keep 3 more
    _Format(re.compile(rb".{4}ftyp(?:.{8})?(?:he[iv][cxms]|mif1|msf1)", re.S), HEIF, "HeifImageFile", 3),
)


def _webp_size(start: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP's first chunk (RFC 9649): lossy, extended or lossless."""
    if start[12:16] == b"VP8 " and len(start) >= 30:
        width, height = struct.unpack_from("<HH", start, 26)
        return width & 0x3FFF, height & 0x3FFF
    if start[12:16] == b"VP8X" and len(start) >= 30:
        return int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1
    if start[12:16] == b"VP8L" and len(start) >= 25:
        bits = int.from_bytes(start[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _foreign(start: bytes) -> str:
    if not start:
        return "is empty (0 bytes): copy it again or remove it"
    if start[4:8] == b"ftyp":
        return "is a video or another kind of MP4 file: convert it to JPEG"
    kind = next((text for magic, text in _FOREIGN.items() if start.startswith(magic)), "")
    return f"is {kind}: convert it to JPEG" if kind else "holds something else: remove it or convert it"


# --- sizes and pixels ---


def _too_large(size: tuple[int, int], max_pixels: int, extra: float, mode: str) -> str | None:
    """Why an image of this size is not decoded; None where it is. extra: bytes the decoder needs besides."""
    width, height = size
    memory = extra + width * height * (3 + (1 if mode in ("1", "L", "P") else 4))  # the result, and Pillow's own copy
    if width * height > max_pixels:
        return f"the limit is {max_pixels / 1e6:g} million"
    if max(size) > MAX_SIDE:
        return f"the limit of a side is {MAX_SIDE}"
    if memory > MAX_MEMORY:
        return f"decoding it takes {memory / 1e6:.0f} MB, where the limit is {MAX_MEMORY / 1e6:.0f}"
    return None


def _check_size(name: str, size: tuple[int, int], max_pixels: int, extra: float, mode: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width} x {height}): remove it")
    if problem := _too_large(size, max_pixels, extra, mode):
        raise ImageError(f"{name} has {width} x {height} pixels and {problem}: scale it down first")


def _pixels(image: Image.Image, name: str) -> UInt8Array:
    """Convert in bands, each written to its place in the upright result, so that no second copy is needed."""
    image.load()
    if image.mode == "F":
        raise ImageError(f"{name} holds floating point numbers: convert it to 8 bits a channel")
    width, height = image.size
    turn = orientation(image.info)
    upright = np.empty((width, height, 3) if turn >= 5 else (height, width, 3), np.uint8)
    view = upright  # as the file stores the rows
    if turn in (2, 3, 6, 7):
        view = view[:, ::-1]
    if turn in (3, 4, 7, 8):
        view = view[::-1]
    if turn >= 5:
        view = view.transpose(1, 0, 2)
    rows = max(1, BAND_PIXELS // width)
    for y in range(0, height, rows):
        band = image if rows >= height else image.crop((0, y, width, min(y + rows, height)))
        view[y : y + rows] = np.asarray(_as_rgb(band))
    return upright


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip, not scale
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray(((np.clip(wide, 0, 65535) + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _reason(problem: Exception) -> str:
    """Such as "Permission denied", without the path that the sentence names already."""
    return first_line(getattr(problem, "strerror", None) or problem)

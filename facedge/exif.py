"""The orientation of a photo, from EXIF or XMP data: how its pixels are turned and mirrored.

Read here and not by Pillow, which warns or raises on damaged EXIF: a damaged tag must not prevent reading the photo.
"""

import re
import struct
from collections.abc import Mapping
from typing import Any, Final

_INTEGERS: Final = {3: "H", 4: "I", 8: "h", 9: "i"}  # SHORT, LONG, SSHORT, SLONG of TIFF 6.0, as struct reads them
_XMP_ORIENTATION: Final = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation(info: Mapping[Any, Any]) -> int:
    """The orientation in the `info` of a Pillow image, 1 to 8 as EXIF 2.32 numbers them; 1 where none can be read.

    Looked up in EXIF, in EXIF as ImageMagick writes it into a PNG's text, and in XMP, in this order.
    """
    raw = info.get("Raw profile type exif", "")
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    match = _XMP_ORIENTATION.search(xmp.encode("utf-8", "replace") if isinstance(xmp, str) else bytes(xmp))
    return _exif_tag(info.get("exif")) or _exif_tag(_raw_profile(raw)) or (int(match[1]) if match else 1)


def _raw_profile(text: object) -> bytes:
    """The bytes in ImageMagick's "Raw profile": a name and a length on lines of their own, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:]))
    except ValueError:
        return b""


def _exif_tag(exif: object) -> int:
    """Orientation (tag 0x0112 of IFD 0, EXIF 2.32) in a block of EXIF data, 1 to 8; 0 where it cannot be read.

    The standard stores it as SHORT; some writers use LONG or signed numbers.
    """
    if not isinstance(exif, bytes):
        return 0
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    try:
        if order is None:
            return 0
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        for k in range(entries):
            tag, kind = struct.unpack_from(order + "HH", data, start + 2 + 12 * k)
            if tag == 0x0112 and kind in _INTEGERS:
                (value,) = struct.unpack_from(order + _INTEGERS[kind], data, start + 10 + 12 * k)
                return int(value) if 1 <= value <= 8 else 0
    except struct.error:  # the block ends early
        pass
    return 0

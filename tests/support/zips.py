"""Zips of a bundle: sound ones as several programs write them, and the bad ones of FORMAT.md, section 9.

They are put together byte by byte, as zipfile writes none of the bad ones (PKWARE's APPNOTE.TXT, section 4.3).
"""

import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

STORED, DEFLATED = 0, 8
LARGE = 1 << 26  # files beyond it are not packed: their size alone has them refused


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@dataclass
class Entry:
    """One file of a zip. What is None is as it should be."""

    path: bytes
    data: bytes = b""
    method: int = STORED
    flags: int = 0
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    local_path: bytes | None = None
    at: int | None = None
    extra: bytes = b""
    local_extra: bytes = b""
    mode: int = stat.S_IFREG | 0o600

    def content(self) -> bytes:
        if self.packed is None:
            self.packed = deflate(self.data) if self.method == DEFLATED else self.data
        return self.packed

    def numbers(self) -> tuple[int, int, int, int, int, int, int, int]:
        """Version, flags, method, time, date, CRC, packed size, size, as in both headers."""
        packed = len(self.content()) if self.packed_size is None else self.packed_size
        size = len(self.data) if self.size is None else self.size
        return 20, self.flags, self.method, 0, 0x21, zlib.crc32(self.data), packed, size

    def local(self) -> bytes:
        path = self.path if self.local_path is None else self.local_path
        head = struct.pack("<4s5H3I2H", b"PK\3\4", *self.numbers(), len(path), len(self.local_extra))
        return head + path + self.local_extra + self.content()

    def directory(self, at: int) -> bytes:
        more = (len(self.path), len(self.extra), 0, 0, 0, self.mode << 16, at if self.at is None else self.at)
        head = struct.pack("<4s6H3I5H2I", b"PK\1\2", 3 << 8 | 20, *self.numbers(), *more)
        return head + self.path + self.extra


@dataclass
class End:
    """What the last record says beyond the truth; None is the truth."""

    disk: int = 0
    here: int | None = None
    count: int | None = None
    size: int | None = None
    start: int | None = None
    comment: bytes = b""
    before: bytes = b""  # in front of the zip
    between: bytes = b""  # in front of the directory
    behind: bytes = b""
    shift: int = field(default=0)  # added to every place, as a zip with something in front should have it


def build(entries: Sequence[Entry], end: End | None = None) -> bytes:
    """The bytes of a zip."""
    end = end or End()
    body, directory = b"", b""
    for entry in entries:
        directory += entry.directory(len(body) + end.shift)
        body += entry.local()
    body += end.between
    here = len(entries) if end.here is None else end.here
    count = len(entries) if end.count is None else end.count
    size = len(directory) if end.size is None else end.size
    start = len(body) + end.shift if end.start is None else end.start
    tail = struct.pack("<4s4H2IH", b"PK\5\6", end.disk, 0, here, count, size, start, len(end.comment))
    return end.before + body + directory + tail + end.comment + end.behind


def entries_of(folder: Path, prefix: bytes = b"", method: int = STORED) -> list[Entry]:
    """What lies in a folder, links and folders included."""
    entries = []
    for path in sorted(folder.iterdir()):
        name, mode = prefix + path.name.encode(), path.lstat().st_mode
        if stat.S_ISDIR(mode):
            entries.append(Entry(name + b"/", mode=mode))
        elif not stat.S_ISREG(mode):
            content = str(path.readlink()).encode() if stat.S_ISLNK(mode) else b""
            entries.append(Entry(name, content, mode=mode))
        elif path.stat().st_size > LARGE:
            entries.append(Entry(name, method=DEFLATED, size=path.stat().st_size))
        else:
            entries.append(Entry(name, path.read_bytes(), method))
    return entries


def sound_zips(bundle: Path) -> dict[str, bytes]:
    """The same bundle, as the web page, zipfile, zip and the desktops pack it."""
    ours = b"tiny.facedge/"
    folders = [Entry(b"a/"), Entry(b"a/tiny.facedge/")]
    streamed = [replace(entry, flags=1 << 3) for entry in entries_of(bundle, ours, DEFLATED)]
    spaced = [
        replace(entry, extra=b"ux\0\0", local_extra=b"UT\5\0\1abcd", flags=1 << 11)
        for entry in entries_of(bundle, ours, STORED)
    ]
    return {
        "stored": build(entries_of(bundle, ours)),
        "deflated": build(entries_of(bundle, ours, DEFLATED)),
        "at the top": build(entries_of(bundle, b"", DEFLATED)),
        "two folders deep, both listed": build([*folders, *entries_of(bundle, b"a/tiny.facedge/")]),
        "streamed": build(streamed),
        "with further fields": build(spaced),
    }


def bad_zips(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """A name and the bytes of each zip that every host refuses, though the files in most of them are the bundle's."""
    yield from _bad_directories(bundle)
    yield from _bad_paths(bundle)
    yield from _bad_members(bundle)


def _bad_directories(bundle: Path) -> Iterator[tuple[str, bytes]]:
    whole = entries_of(bundle, b"tiny.facedge/")
    sound, count = build(whole), len(whole)
    yield "empty file", b""
    yield "no zip", b"hello" * 100
    yield "no entries", build([])
    for cut in (1, 21, 22, 23, len(sound) // 2):
        yield f"cut by {cut} bytes", sound[:-cut]
    yield "a byte lost at the beginning", sound[1:]
    yield "a comment", build(whole, End(comment=b"hello"))
    yield "bytes behind it", build(whole, End(behind=b"\0"))
    yield "bytes before it", build(whole, End(before=b"#!/bin/sh\n"))
    yield "bytes before it, counted", build(whole, End(before=b"#!/bin/sh\n", shift=10))
    yield "fewer entries than it says", build(whole, End(here=count + 1, count=count + 1))
    yield "more entries than it says", build(whole, End(here=count - 1, count=count - 1))
    yield "parts of several disks", build(whole, End(disk=1))
    yield "entries on other disks", build(whole, End(count=count + 1))
    yield "a directory beyond its end", build(whole, End(start=len(sound)))
    yield "a directory of another size", build(whole, End(size=10))
    longer = bytearray(sound)
    longer[len(sound) - 22 - len(whole[-1].directory(0)) + 29] += 1
    yield "a name beyond the directory", bytes(longer)
    yield "zip64", build(whole, End(here=0xFFFF, count=0xFFFF, size=0xFFFFFFFF, start=0xFFFFFFFF))
    large = struct.pack("<2HQ", 1, 8, len(whole[0].data))
    yield "zip64 of one file", build([replace(whole[0], size=0xFFFFFFFF, extra=large), *whole[1:]])


def _bad_paths(bundle: Path) -> Iterator[tuple[str, bytes]]:
    whole, top = entries_of(bundle, b"tiny.facedge/"), entries_of(bundle)
    first = whole[0]
    yield "two folders", build([*whole[1:], replace(first, path=first.path.replace(b"tiny", b"more"))])
    yield "a file above the folder", build([*whole, Entry(b"card.md", b"text")])
    yield "a folder beside it", build([*whole, Entry(b"more/")])
    yield "a folder inside it", build([*whole, Entry(b"tiny.facedge/more/")])
    yield "two folders that differ in a dot", build([*top[1:], replace(top[0], path=b"./" + top[0].path)])
    yield "a slash twice", build([*whole[1:], replace(first, path=first.path.replace(b"/", b"//"))])
    yield "a backslash", build([replace(entry, path=entry.path.replace(b"/", b"\\")) for entry in whole])
    yield "a file twice", build([*whole, first])
    yield "a file twice, the second another", build([*whole, replace(first, data=b"another")])
    yield "a name that ends at a NUL", build([*whole[1:], replace(first, path=first.path + b"\0.txt")])
    yield "no name", build([*whole, Entry(b"")])
    yield "a path of 1,001 bytes", build(entries_of(bundle, b"a" * 990 + b"/"))
    yield "an unlisted file", build([*whole, Entry(b"tiny.facedge/card.md", b"text")])
    yield "a name of many characters", build([*whole, Entry(b"tiny.facedge/" + b"a" * 200, b"text")])
    yield "a missing file", build(whole[1:])
    yield "65 files", build([Entry(b"%d" % number) for number in range(65)])
    yield "65 folders", build([*top, *(Entry(b"") for _ in range(65))])


def _bad_members(bundle: Path) -> Iterator[tuple[str, bytes]]:
    for number, name in enumerate(path.name for path in sorted(bundle.iterdir())):
        if name in ("backbone.onnx", "manifest.json"):
            yield from _bad_member(bundle, number, name)


def _bad_member(bundle: Path, number: int, name: str) -> Iterator[tuple[str, bytes]]:
    whole = entries_of(bundle, b"tiny.facedge/")
    deflated = replace(whole[number], method=DEFLATED)
    data, packed = deflated.data, deflate(deflated.data)

    def other(entry: Entry) -> bytes:
        return build([*whole[:number], entry, *whole[number + 1 :]])

    for bit in (0, 5, 6, 13):
        yield f"{name} with flag {bit}", other(replace(whole[number], flags=1 << bit))
    for method in (1, 9, 12, 14, 93, 95):
        yield f"{name} by method {method}", other(replace(whole[number], method=method))
    yield f"{name} longer than it says", other(replace(deflated, size=len(data) - 1))
    yield f"{name} shorter than it says", other(replace(deflated, size=len(data) + 1))
    yield f"{name} stored, of two sizes", other(replace(whole[number], size=len(data) - 1))
    yield f"{name} empty", other(Entry(deflated.path))
    bomb = deflate(bytes(1 << 27))
    yield f"{name} unpacks to 128 MiB", other(replace(deflated, packed=bomb, size=1 << 27))
    yield f"{name} unpacks to 128 MiB unsaid", other(replace(deflated, packed=bomb))
    yield f"{name} cut short", other(replace(deflated, packed=packed[:-9]))
    yield f"{name} of noise", other(replace(deflated, packed=bytes(range(256)) * 4))
    yield f"{name} beyond the directory", other(replace(whole[number], packed_size=1 << 24, size=1 << 24))
    yield f"{name} elsewhere", other(replace(whole[number], at=7))
    yield f"{name} beyond the end", other(replace(whole[number], at=1 << 30))
    yield f"{name} under another local name", other(replace(whole[number], local_path=b"x" * len(deflated.path)))
    yield f"{name} under a longer local name", other(replace(whole[number], local_path=deflated.path + b"x"))
    link = replace(whole[number], data=b"/etc/passwd", mode=stat.S_IFLNK | 0o777)
    yield f"{name} as a link", other(link)
    yield f"{name} of another entry", build([*whole, replace(whole[number], path=b"tiny.facedge/card.md", at=0)])

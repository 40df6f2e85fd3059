"""A bundle in one file: NAME.facedge.zip, with the bundle's files in one folder or at the top.

A browser can only save one file, so the web page saves an enrollment so. Files may be stored or deflated. What zipfile
takes and FORMAT.md, section 1, does not is refused here, so that no zip is opened by one host and refused by another.
"""

import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from facedge.bundle.json_fields import REPAIR
from facedge.errors import BundleError

SUFFIX = ".zip"
MOST_ENTRIES = 64  # a bundle has at most some 20 files
MOST_PATH = 1000  # bytes
_END = struct.Struct("<4s4H2IH")  # APPNOTE.TXT, 4.3.16: signature, disks, counts, directory (size, place), comment
_ENTRY_HEADER, _LOCAL_HEADER = 46, 30  # bytes, before the name
_UTF8 = 1 << 11
_FOREIGN_FLAGS = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 13  # encrypted, a patch, strongly encrypted, with a masked directory
_UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)


def is_archive(path: Path) -> bool:
    """Whether the path means a bundle in one file."""
    return path.suffix == SUFFIX and not path.is_dir()


def names_in(path: Path) -> set[str]:
    """The names of the files in the archive; BundleError unless they are a few in one folder."""
    with _opened(path) as archive:
        return set(_members(path, archive))


def read_member(path: Path, name: str, most: int) -> bytes:
    """The unpacked file called `name`; BundleError where it is missing, damaged, or longer than `most` bytes."""
    with _opened(path) as archive:
        member = _members(path, archive).get(name)
        if member is None:
            raise BundleError(f"{name} is missing from {path}: {REPAIR}")
        try:
            with archive.open(member) as file:
                data = file.read(most + 1)  # never more, whatever size the archive claims
        except _UNREADABLE as problem:
            raise BundleError(f"{name} cannot be unpacked from {path} ({problem}): {REPAIR}") from problem
    if len(data) > most:
        raise BundleError(f"{name} has more than {most:,} bytes, its manifest or the format allows no more: {REPAIR}")
    if len(data) != member.file_size:
        raise BundleError(f"{name} unpacks to other than the {member.file_size:,} bytes that {path} names: {REPAIR}")
    return data


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        if path.exists() and not path.is_file():
            raise BundleError(f"{path} is not a plain file: copy it again")
        _check_end(path)
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a bundle, got nothing there") from None
    except _UNREADABLE as problem:
        raise BundleError(f"{path} is no readable zip ({problem}): copy it again") from problem


def _check_end(path: Path) -> None:
    """ValueError unless the file is one whole zip and nothing else, whose last record and directory fit each other."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begins = file.read(4) == b"PK\3\4"
        file.seek(max(0, size - _END.size))
        record = file.read(_END.size)
        file.seek(int.from_bytes(record[16:20], "little"))
        entries = file.read(int.from_bytes(record[12:16], "little"))
    if len(record) < _END.size or not record.startswith(b"PK\5\6"):
        raise ValueError("it does not end as a zip without a comment does")
    _, *disks, here, count, directory, start, comment = _END.unpack(record)
    if not begins or any(disks) or here != count or comment or start + directory != size - _END.size:
        raise ValueError("expected one whole zip, no zip64, without a comment and without bytes around it")
    at, left = 0, count
    while left and at + _ENTRY_HEADER <= len(entries):
        at, left = at + _ENTRY_HEADER + sum(struct.unpack_from("<3H", entries, at + 28)), left - 1
    if left or at != directory:
        raise ValueError(f"its directory does not have the {count} entries in {directory:,} bytes that its end names")


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by file name, without their folder."""
    entries = archive.infolist()
    for entry in entries[:MOST_ENTRIES]:
        _check_entry(path, entry)
    files = [entry for entry in entries if not entry.orig_filename.endswith("/")]
    split = [entry.orig_filename.rpartition("/") for entry in files]
    folders = {folder + slash for folder, slash, _ in split}
    within = "".join(folders)
    paths = [entry.orig_filename for entry in entries]
    beside = [one for one in paths if one.endswith("/") and not within.startswith(one)]
    if not files or len(entries) > MOST_ENTRIES or len({name for *_, name in split}) != len(files) or len(folders) != 1:
        raise BundleError(
            f"{path} holds {len(files):,} files in {len(folders):,} folders: expected the files of one bundle, "
            "in one folder or at the top"
        )
    if beside or _overlap(files, archive.start_dir):
        reason = f"{beside[0][:80]!r} is in it" if beside else "files in it overlap"
        raise BundleError(f"{path}: {reason}: expected the files of one bundle and nothing else")
    return {name: file for (*_, name), file in zip(split, files, strict=True)}


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    if not 0 < len(_path_of(entry)) <= MOST_PATH or "\0" in entry.orig_filename:
        raise BundleError(f"{path} names a file in a way that no bundle does: {REPAIR}")
    if entry.flag_bits & _FOREIGN_FLAGS:
        raise BundleError(f"{path} is encrypted, or a patch of another zip: pack the bundle without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleError(f"{path} is packed by method {entry.compress_type}: expected stored or deflated files")
    if entry.volume or 1 in _field_kinds(entry.extra):
        raise BundleError(f"{path} is a zip64 or of several parts, which no bundle needs: pack it as a plain zip")
    if entry.compress_type == zipfile.ZIP_STORED and entry.file_size != entry.compress_size:
        raise BundleError(f"{path} holds a stored file of two sizes: {REPAIR}")


def _path_of(entry: zipfile.ZipInfo) -> bytes:
    """The path as it is in the zip; zipfile's `filename` may be another one, by an extra field or up to a NUL."""
    return entry.orig_filename.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437")


def _field_kinds(fields: bytes) -> set[int]:
    """The kinds of an entry's extra fields; 1 is that of zip64."""
    kinds = set()
    while len(fields) >= 4:
        kind, length = struct.unpack_from("<2H", fields)
        kinds.add(kind)
        fields = fields[4 + length :]
    return kinds


def _overlap(files: Sequence[zipfile.ZipInfo], directory: int) -> bool:
    """Whether the data of a file reach into the next one's, or into the directory behind the last."""
    ordered = sorted(files, key=lambda file: file.header_offset)
    ends = (file.header_offset + _LOCAL_HEADER + len(_path_of(file)) + file.compress_size for file in ordered)
    begins = (*(file.header_offset for file in ordered[1:]), directory)
    return any(end > begin for end, begin in zip(ends, begins, strict=True))

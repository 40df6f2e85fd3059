"""The folder that `prepare` is filling: frames are only ever appended, so an interrupted run leaves a usable start.

`images.part` holds 128 bytes for the .npy header and then the frames in the dataset's order; `prepare.json` says how
many listed images are behind it. The state is written after the frames have reached the disk: it never says too much.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facedge.dataset.faces import INFO_FILE, STATE_FILE
from facedge.errors import DatasetError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH

HEADER_BYTES: Final = 128
FRAME_BYTES: Final = FRAME_HEIGHT * FRAME_WIDTH
CHECKPOINT_IMAGES: Final = 4096
_LABEL_BYTES: Final = 256  # at most, an image: attributes, identity, partition, name
_MARGIN: Final = 4 << 20
_PART: Final = "images.part"

Skip = tuple[str, str]  # image name, reason


class Reached(NamedTuple):
    """How far a run is; replaced as one, so that ctrl-C cannot fall between two of its numbers."""

    done: int = 0  # listed images that are behind it
    frames: int = 0  # the good ones of them
    skipped: tuple[Skip, ...] = ()


class Unfinished:
    """Appends frames and remembers how far it is. Use as a context: leaving it for any reason saves the state."""

    def __init__(self, folder: Path, fingerprint: str, total: int) -> None:
        """Create the folder, or take up an interrupted run with the same fingerprint; DatasetError if neither fits."""
        self.folder, self.fingerprint, self.total = folder, fingerprint, total
        with disk_problems(folder):
            folder.mkdir(parents=True, exist_ok=True)
            found = self._read_state()
            self.reached = found or Reached()
            self._check_space()
            if not found:
                self._write_state()
            self._saved = self.reached.done
            self._file: IO[bytes] = self._open_part()

    def append(self, frames: NDArray[np.uint8], skipped: list[Skip]) -> None:
        """Add the next listed images: uint8 (K, 218, 178) of the good ones, and those that were skipped."""
        with disk_problems(self.folder):
            self._write_all(np.ascontiguousarray(frames).tobytes())
            before = self.reached
            self.reached = Reached(
                done=before.done + len(frames) + len(skipped),
                frames=before.frames + len(frames),
                skipped=(*before.skipped, *skipped),
            )
            if self.reached.done - self._saved >= CHECKPOINT_IMAGES:
                self._checkpoint()

    def finish(self, arrays: dict[str, NDArray[Any]], info: dict[str, Any]) -> None:
        """Write the labels, complete images.npy, and faces.json last; the folder is then whole."""
        with disk_problems(self.folder):
            for name, array in arrays.items():
                save_array(self.folder / f"{name}.npy", array)
            self._file.seek(0)
            self._write_all(npy_header(self.reached.frames))
            os.fsync(self._file.fileno())
            self._file.close()
            (self.folder / _PART).replace(self.folder / "images.npy")
            write_json(self.folder / INFO_FILE, info)
            (self.folder / STATE_FILE).unlink()

    def __enter__(self) -> "Unfinished":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file.closed:
            return
        with suppress(OSError):  # a disk too full even for this: the state before this one still holds
            self._file.truncate(self._length())  # half a chunk may be there
            self._checkpoint()
        with suppress(OSError):
            self._file.close()

    def _read_state(self) -> Reached | None:
        """Where an interrupted run stopped; None in a new folder."""
        path = self.folder / STATE_FILE
        if not path.is_file():
            if any(self.folder.iterdir()):
                raise DatasetError(f"{self.folder} holds other files already: give a new or an empty folder")
            return None
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            skipped = tuple((str(name), str(reason)) for name, reason in state["skipped"])
            reached = Reached(int(state["done"]), int(state["frames"]), skipped)
            fingerprint = str(state["fingerprint"])
        except (ValueError, KeyError, TypeError) as problem:
            raise DatasetError(
                f"{path} cannot be read ({problem!r}): remove {self.folder} and start again"
            ) from problem
        if fingerprint != self.fingerprint:
            raise DatasetError(
                f"{self.folder} holds the interrupted preparation of another dataset, or one with another --limit, "
                "--detect or --min-face: give another folder, or remove this one"
            )
        return reached

    def _open_part(self) -> IO[bytes]:
        part, complete = self.folder / _PART, self.folder / "images.npy"
        if complete.exists() and not part.exists():  # an earlier run stopped between the last two steps
            complete.replace(part)
        handle = part.open("r+b" if part.exists() else "w+b", buffering=0)  # what is written is written
        try:
            _lock(handle, self.folder)
            self._rewind(handle)
        except BaseException:
            handle.close()
            raise
        return handle

    def _length(self) -> int:
        return HEADER_BYTES + self.reached.frames * FRAME_BYTES

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # an unbuffered write may stop early
            rest = rest[self._file.write(rest) :]

    def _rewind(self, handle: IO[bytes]) -> None:
        """To the end of the last frame that the state knows; what came after it is done again."""
        length = self._length()
        if handle.seek(0, os.SEEK_END) < length:
            if self.reached.frames:
                raise DatasetError(
                    f"{handle.name} is shorter than its state says: remove {self.folder} and start again"
                )
            handle.write(bytes(HEADER_BYTES))
        handle.truncate(length)
        handle.seek(length)

    def _check_space(self) -> None:
        part = self.folder / _PART
        there = part.stat().st_size if part.exists() else 0
        needed = max(0, self.total * FRAME_BYTES - there) + self.total * _LABEL_BYTES + _MARGIN
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise DatasetError(
                f"the disk of {self.folder} has {free / 1e6:,.0f} MB free and {self.total:,} faces need "
                f"{needed / 1e6:,.0f} MB: free some space or give another folder"
            )

    def _checkpoint(self) -> None:
        os.fsync(self._file.fileno())
        self._write_state()

    def _write_state(self) -> None:
        write_json(self.folder / STATE_FILE, {"fingerprint": self.fingerprint, **self.reached._asdict()})
        self._saved = self.reached.done


def npy_header(count: int) -> bytes:
    """The header of a uint8 (count, 218, 178) .npy file, always 128 bytes (the format is numpy's, version 1.0)."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {FRAME_HEIGHT}, {FRAME_WIDTH}), }}"
    return (
        b"\x93NUMPY\x01\x00"
        + (HEADER_BYTES - 10).to_bytes(2, "little")
        + text.ljust(HEADER_BYTES - 11).encode()
        + b"\n"
    )


def save_array(path: Path, array: NDArray[Any]) -> None:
    """np.save that is all there or not there."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as handle:
        np.save(handle, array, allow_pickle=False)
    temporary.replace(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """A JSON file that is all there or not there."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


@contextmanager
def disk_problems(folder: Path) -> Iterator[None]:
    """A full, read-only or failing disk becomes one sentence."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DatasetError(
                f"the disk of {folder} is full: free some space and run the same command again, it goes on from there"
            ) from problem
        raise DatasetError(f"cannot write to {folder} ({problem.strerror or problem}): check the folder") from problem


def _lock(handle: IO[bytes], folder: Path) -> None:
    """One run at a time; the lock goes with the process."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        raise DatasetError(
            f"another facedge prepare is filling {folder}: wait for it or give another folder"
        ) from problem

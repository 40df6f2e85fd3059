"""Resumable writing of a prepared folder: frames are appended to images.npy, and an interrupted run is resumed.

Until faces.json is there, prepare.json holds how many listed images are done. It is written after their frames have
reached the disk, so it never counts too many; what images.npy holds beyond that is cut off and done again.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np

from facedge import files
from facedge.dataset.prepared import ARRAYS, INFO_FILE, STATE_FILE
from facedge.errors import DatasetError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH
from facedge.types import AnyArray, UInt8Array

FRAME_BYTES: Final = FRAME_HEIGHT * FRAME_WIDTH
CHECKPOINT_IMAGES: Final = 4096  # images between two states on disk
_LABEL_BYTES: Final = 256  # at most, per image: attributes, identity, partition, name
_MARGIN: Final = 4 << 20
_IMAGES: Final = "images.npy"

Skip = tuple[str, str]  # image name, reason


class Reached(NamedTuple):
    """The progress of a run; replaced as one object, so that ctrl-C cannot fall between two of its numbers."""

    done: int = 0  # listed images that were decoded or skipped
    frames: int = 0  # the decoded ones of them
    skipped: tuple[Skip, ...] = ()


@contextmanager
def open_writer(folder: Path, fingerprint: str, total: int) -> Iterator["PreparedWriter"]:
    """A writer for a new folder, or for an interrupted one of the same fingerprint; leaving it saves its progress.

    total: the number of listed images. The folder is locked against other runs meanwhile. Raises DatasetError where
    the folder holds something else, another run writes to it, or the disk has not enough space.
    """
    with ExitStack() as stack:
        with files.storage_errors(folder, error=DatasetError):
            folder.mkdir(parents=True, exist_ok=True)
            _check_own(folder)
            if not stack.enter_context(files.locked(folder / _IMAGES, wait=False)):
                raise DatasetError(f"another facedge prepare is filling {folder}: wait for it or give another folder")
            writer = PreparedWriter(folder, fingerprint, total)
        stack.callback(writer.close)
        yield writer


class PreparedWriter:
    """Appends frames to images.npy and keeps the progress in prepare.json; made by `open_writer`."""

    def __init__(self, folder: Path, fingerprint: str, total: int) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        self.reached = self._read_state()
        _check_space(folder, total)
        for name in (STATE_FILE, INFO_FILE, *ARRAYS):
            for path in files.leftovers(folder / name):
                path.unlink()
        self._save_state()
        self._file = self._open_images()

    def append(self, frames: UInt8Array, skipped: list[Skip]) -> None:
        """Add the next listed images: uint8 (K, 218, 178) of the decoded ones, and those that were skipped."""
        with files.storage_errors(self.folder, error=DatasetError):
            self._write(np.ascontiguousarray(frames).tobytes())
            before = self.reached
            self.reached = Reached(
                done=before.done + len(frames) + len(skipped),
                frames=before.frames + len(frames),
                skipped=(*before.skipped, *skipped),
            )
            if self.reached.done - self._saved >= CHECKPOINT_IMAGES:
                self._checkpoint()

    def finish(self, arrays: dict[str, AnyArray], info: dict[str, Any]) -> None:
        """Write the labels, the final header of images.npy, and faces.json last; the folder is then complete."""
        with files.storage_errors(self.folder, error=DatasetError):
            for name, array in arrays.items():
                with files.replacing(self.folder / f"{name}.npy", error=DatasetError) as path, path.open("wb") as file:
                    np.save(file, array, allow_pickle=False)
            self._file.seek(0)
            self._write(_header(self.reached.frames))
            os.fsync(self._file.fileno())
            self._file.close()
            files.write_json(self.folder / INFO_FILE, info, error=DatasetError)
            (self.folder / STATE_FILE).unlink()

    def close(self) -> None:
        """Save the progress of an unfinished run."""
        if self._file.closed:
            return
        with suppress(OSError, DatasetError):  # the disk may be too full even for this: the last state still holds
            self._file.truncate(self._length())  # half a chunk may be there
            self._checkpoint()
        with suppress(OSError):
            self._file.close()

    def _read_state(self) -> Reached:
        """The progress of an interrupted run; nothing done in a new folder."""
        path = self.folder / STATE_FILE
        if not path.is_file():
            if (self.folder / INFO_FILE).is_file():
                raise DatasetError(f"another facedge prepare has just finished {self.folder}: run the command again")
            return Reached()
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

    def _open_images(self) -> IO[bytes]:
        """images.npy, truncated after the last frame that the state counts.

        It is no memory map: writing to a map on a full disk kills the process (SIGBUS) instead of raising an error.
        """
        path, length = self.folder / _IMAGES, self._length()
        if self.reached.frames and path.stat().st_size < length:
            raise DatasetError(f"{path} is shorter than {STATE_FILE} records: remove {self.folder} and start again")
        handle = path.open("r+b", buffering=0)  # unbuffered: an error is raised by the write that it belongs to
        try:
            handle.write(_header(0))
            handle.truncate(length)
            handle.seek(length)
        except BaseException:
            handle.close()
            raise
        return handle

    def _length(self) -> int:
        return len(_header(0)) + self.reached.frames * FRAME_BYTES

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # an unbuffered write may stop early
            rest = rest[self._file.write(rest) :]

    def _checkpoint(self) -> None:
        os.fsync(self._file.fileno())
        self._save_state()

    def _save_state(self) -> None:
        state = {"fingerprint": self.fingerprint, **self.reached._asdict()}
        files.write_json(self.folder / STATE_FILE, state, error=DatasetError)
        self._saved = self.reached.done


def _header(count: int) -> bytes:
    """numpy's header of a uint8 (count, 218, 178) array; numpy pads it to the same length for every count."""
    header = BytesIO()
    shape = (count, FRAME_HEIGHT, FRAME_WIDTH)
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _check_own(folder: Path) -> None:
    """DatasetError where a folder without the state of a run holds more than a run leaves before its first state."""
    if (folder / STATE_FILE).is_file() or (folder / INFO_FILE).is_file():
        return
    started = files.leftovers(folder / STATE_FILE)
    if any(path not in started and (path.name != _IMAGES or path.stat().st_size) for path in folder.iterdir()):
        raise DatasetError(f"{folder} holds other files already: give a new or an empty folder")


def _check_space(folder: Path, total: int) -> None:
    present = (folder / _IMAGES).stat().st_size
    needed = max(0, total * FRAME_BYTES - present) + total * _LABEL_BYTES + _MARGIN
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DatasetError(
            f"the disk of {folder} has {free / 1e6:,.0f} MB free and {total:,} faces need "
            f"{needed / 1e6:,.0f} MB: free some space or give another folder"
        )

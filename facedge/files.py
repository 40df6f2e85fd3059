"""Writing files and folders whole or not at all, durably, and locking them between processes.

What must be whole is written through this module. A file is written to a temporary sibling (`.NAME.HEX.tmp`),
synced, renamed into place, and its folder synced: after a crash or power loss the old file is there or the new one,
never a part. What a killed process leaves behind is found by `leftovers`.
"""

import contextlib
import ctypes
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facedge.errors import FacedgeError, StorageError

LEAST_FREE = 1 << 20  # bytes; libraries do not always say why their writing failed
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def replacing(path: Path, *, error: type[FacedgeError] = StorageError, mode: int = 0o644) -> Iterator[Path]:
    """A temporary sibling that replaces `path` when the block ends well, and is removed when it does not.

    mode: permissions of the new file, before the umask. A full or read-only disk ends in `error` with one sentence,
    and `path` is as it was.
    """
    temporary = temporary_sibling(path)
    with storage_errors(path.parent, error=error):
        try:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, error: type[FacedgeError] = StorageError, mode: int = 0o644) -> None:
    """Replace `path` by these bytes, whole or not at all."""
    with replacing(path, error=error, mode=mode) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, content: Any, *, error: type[FacedgeError] = StorageError, mode: int = 0o644) -> None:
    """Replace `path` by JSON text (UTF-8, indented, a newline at the end), whole or not at all.

    Bytes of a file name that are no UTF-8 are written as JSON's escapes of what Python reads them as (PEP 383).
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"), error=error, mode=mode)


def make_folder(folder: Path, *, error: type[FacedgeError] = StorageError) -> None:
    """Make a folder and those above it, where they are missing; what prevents that ends in `error`."""
    with storage_errors(folder, error=error):
        folder.mkdir(parents=True, exist_ok=True)


def replace_directory(staging: Path, target: Path) -> None:
    """Put the finished directory `staging` in the place of `target` in one step; what was at `target` is deleted.

    Both lie in one folder. Linux swaps the two atomically (renameat2 with RENAME_EXCHANGE); elsewhere the old one is
    renamed aside first, and back if the second rename fails.
    """
    if not target.exists():
        staging.rename(target)
    elif not _exchange(staging, target):
        aside = staging.with_name(staging.name + ".old")
        target.rename(aside)
        try:
            staging.rename(target)
        except OSError:
            aside.rename(target)
            raise
        aside.rename(staging)
    sync(target.parent)
    shutil.rmtree(staging, ignore_errors=True)


def temporary_sibling(path: Path) -> Path:
    """A new hidden name beside `path`, of the pattern that `leftovers` finds."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def leftovers(path: Path) -> list[Path]:
    """Temporary files and folders of interrupted writes of `path`, sorted."""
    return sorted(path.parent.glob(f".{_escaped(path.name)}.*.tmp*"))


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk; file systems that cannot sync a folder are left as they are."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold an exclusive lock on the file `path` (made if need be); yields whether it was had.

    wait: block until it is free; otherwise yield False at once where another process holds it. The lock ends with the
    process, however it ends. The file stays, unless the holder deletes it: who waited then locks the file that is there
    afterwards, so that two processes never hold locks on two files of one name.
    """
    while True:
        with path.open("ab") as handle:
            had = _lock(handle.fileno(), wait)
            if had and not _is_at(handle.fileno(), path):
                continue
            yield had
            return


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows has no flock
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def storage_errors(folder: Path, *, error: type[FacedgeError] = StorageError) -> Iterator[None]:
    """A full, read-only or failing disk ends the block in `error`, one sentence; other exceptions pass through."""
    try:
        yield
    except FacedgeError:
        raise
    except OSError as problem:
        if problem.errno in FULL:
            raise error(_full(folder)) from problem
        raise error(f"cannot write to {folder} ({problem.strerror or problem}): check the folder") from problem
    except Exception as problem:  # torch and safetensors raise their own kinds for a full disk
        if "No space left" in str(problem) or shutil.disk_usage(folder).free < LEAST_FREE:
            raise error(_full(folder)) from problem
        raise


def _full(folder: Path) -> str:
    return f"the disk of {folder} is full: free some space and run the command again; files there are as before"


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _exchange(one: Path, other: Path) -> bool:
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    at_cwd, exchange = -100, 2
    return bool(renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)

"""Which bundle a name or path means, and where the bundles of enrolled people are.

The same rule in every command and in `facedge.load`: text with a slash, or ending in ".facedge" or ".facedge.zip", is
a path, everything else is the name of an enrolled person. A folder of that name in the working directory is never taken
instead.
"""

import contextlib
import errno
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from facedge.bundle import archive
from facedge.bundle.format import MANIFEST, SUFFIX
from facedge.errors import BundleError, InputError, StorageError

MOST_NAME_BYTES = 200  # file systems allow 255 for the file name, of which a temporary file needs some
INSIDE_A_NAME = " .'’-_\u200c\u200d"  # the last two join or part letters in Persian and Indic scripts


def resolve_bundle(value: str | Path | None) -> Path:
    """The bundle directory that `value` means; None is the bundle inside the package.

    A Path, or text that looks like one (module docstring), is taken as it is; other text must be the name of an
    enrolled person. Raises InputError for an empty value, BundleError where nobody of that name is enrolled.
    """
    if value is None:
        return pretrained()
    bundle = bundle_path(value)
    if isinstance(value, str) and not is_path(value) and bundle not in people():
        raise BundleError(
            f"nobody called {value!r} is enrolled (enrolled: {known_names()}): run facedge enroll, or give a bundle's "
            f"path with a slash or ending in {SUFFIX}"
        )
    return bundle


def bundle_path(value: str | Path) -> Path:
    """Where the bundle that a name or path means is, or would be.

    Raises InputError for an empty value or an unfit name, StorageError where it is a name and the data directory cannot
    be read.
    """
    text = str(value)
    if not text.strip() or (isinstance(value, Path) and text == "."):
        raise InputError(
            "expected a bundle or the name of an enrolled person, got an empty value: leave it out or name one"
        )
    if isinstance(value, Path) or is_path(text):
        return Path(value)
    people()  # raises where the directory cannot be read
    return bundle_of(text)


def resolve_person(value: str | Path | None) -> Path:
    """Like `resolve_bundle`, but None means the only enrolled person, or the package's bundle where there is none.

    Raises BundleError where several people are enrolled and none is named.
    """
    if value is not None:
        return resolve_bundle(value)
    found = people()
    if len(found) > 1:
        raise BundleError(f"{len(found)} people are enrolled ({known_names()}): choose one with --bundle NAME")
    return found[0] if found else pretrained()


def is_path(text: str) -> bool:
    """Whether text on the command line means a path and not a person's name."""
    separators = {"/", os.sep, os.altsep or "/"}
    return text.endswith((SUFFIX, SUFFIX + archive.SUFFIX)) or any(separator in text for separator in separators)


def pretrained(name: str | None = None) -> Path:
    """The path of the bundle inside the package.

    Args:
        name: which one; None takes the first, mostly the only one

    Raises:
        BundleError: when this installation carries none, or none of that name
    """
    folder = Path(__file__).resolve().parent.parent / "models"
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if name is not None:
        found = [path for path in found if path.name == name + SUFFIX or path.name == name]
    if not found:
        which = f"no bundle called {name!r}" if name else "no bundle of its own"
        raise BundleError(
            f"this installation carries {which}: name one with --bundle NAME{SUFFIX} (or FACEDGE_BUNDLE), "
            "and make one with facedge export"
        )
    return found[0]


def data_home() -> Path:
    """$XDG_DATA_HOME/facedge, or ~/.local/share/facedge (XDG Base Directory Specification); not created here.

    Raises StorageError where neither XDG_DATA_HOME nor a home directory is known.
    """
    base = os.environ.get("XDG_DATA_HOME", "")
    if base and Path(base).is_absolute():
        return Path(base) / "facedge"
    try:
        return Path.home() / ".local" / "share" / "facedge"
    except RuntimeError as problem:
        raise StorageError(
            "there is no home directory to keep enrolled people in: set HOME, or XDG_DATA_HOME to an absolute path"
        ) from problem


def private_data_home() -> Path:
    """The data directory, made where it is missing, with access for its owner only (mode 0700)."""
    home = data_home()
    with _unusable(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_mode & 0o077:
            home.chmod(0o700)
    check_data_home()
    return home


def check_data_home() -> None:
    """StorageError where the data directory could not be made or written; makes nothing."""
    home = data_home()
    with _unusable(home):
        place = next(folder for folder in (home, *home.parents) if folder.exists())
        if not os.access(place, os.W_OK | os.X_OK):
            read_only = hasattr(os, "statvfs") and os.statvfs(place).f_flag & os.ST_RDONLY
            code = errno.EROFS if read_only else errno.EACCES
            raise OSError(code, os.strerror(code))


@contextlib.contextmanager
def _unusable(home: Path) -> Iterator[None]:
    """A data directory that cannot be read or written ends in one sentence with its owner and the remedy."""
    try:
        yield
    except OSError as problem:
        with contextlib.suppress(OSError):
            if hasattr(os, "geteuid") and home.stat().st_uid != os.geteuid():
                owner = home.stat().st_uid
                raise StorageError(
                    f"the data directory {home} belongs to user {owner} and cannot be used by user {os.geteuid()} "
                    f"({problem.strerror}): run the command as its owner, or set XDG_DATA_HOME to another absolute path"
                ) from problem
        raise StorageError(
            f"the data directory {home} cannot be used ({problem.strerror}): make it writable, or set XDG_DATA_HOME to "
            "another absolute path"
        ) from problem


def bundle_of(name: str) -> Path:
    """Where the bundle of the person called `name` is, or would be."""
    return data_home() / f"{person_name(name)}{SUFFIX}"


def people() -> list[Path]:
    """The bundles of enrolled people in the data directory, sorted by name; StorageError where it cannot be read."""
    home = data_home()
    with _unusable(home):
        listed = [home / entry.name for entry in os.scandir(home)] if home.is_dir() else []
        return sorted(path for path in listed if path.suffix == SUFFIX and (path / MANIFEST).is_file())


def person_name(name: str) -> str:
    """The name of a person in Unicode's NFC form, without ".facedge"; InputError for one that cannot name a file.

    Letters, marks and digits of any script; inside also blanks, apostrophes, dots, hyphens and underscores.
    """
    plain = unicodedata.normalize("NFC", name.removesuffix(SUFFIX))
    if not _is_name(plain):
        would_be = "".join(c if _in_words(c) or c in INSIDE_A_NAME else " " for c in plain)
        would_be = " ".join(would_be.split()).strip(INSIDE_A_NAME)
        advice = f", such as {would_be!r}" if _is_name(would_be) else ""
        raise InputError(
            f"expected a name of letters and digits of any script, with blanks, apostrophes, dots and hyphens inside"
            f"{advice}, got {name!r:.120}"
        )
    return plain


def _is_name(text: str) -> bool:
    if not text or len(text.encode("utf-8", "surrogatepass")) > MOST_NAME_BYTES:
        return False
    first, last = unicodedata.category(text[0])[0], text[-1]
    return first in "LN" and last not in " ." and all(_in_words(c) or c in INSIDE_A_NAME for c in text)


def _in_words(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def known_names() -> str:
    """The names of all enrolled people, for a message; "nobody" where there are none."""
    return ", ".join(path.name.removesuffix(SUFFIX) for path in people()) or "nobody"

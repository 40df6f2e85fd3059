"""Every error facedge raises on purpose, as one tree.

    FacedgeError                 what the command line prints as one sentence, exit code 2
    ├── InputError (ValueError)  an argument or array that breaks a function's contract
    ├── ImageError               a file or bytes that cannot become uint8 RGB
    ├── DatasetError             a dataset, label file or prepared folder that is not what it says
    ├── RunError                 a training run folder that cannot be read, resumed or trained further
    ├── BundleError              a bundle that is damaged, edited, too new, or of another spec
    ├── ExportError              an export whose result did not pass its own checks
    ├── CameraError              a frame source that cannot be opened, or that went away
    ├── StorageError             a file or folder that cannot be written: a full, read-only or failing disk
    └── MissingDependencyError   an optional package or model file that is not installed

Each message says what was expected, what came, and what to do next, in one sentence.
"""


class FacedgeError(Exception):
    """Root of all errors that facedge raises on purpose."""


class InputError(FacedgeError, ValueError):
    """An argument or array breaks a function's contract."""


class ImageError(FacedgeError):
    """A file or bytes cannot become uint8 RGB."""


class DatasetError(FacedgeError):
    """A dataset, label file or prepared folder is not what it says."""


class RunError(FacedgeError):
    """A training run folder cannot be read, resumed or trained further."""


class BundleError(FacedgeError):
    """A bundle is damaged, edited, too new, or of another spec."""


class ExportError(FacedgeError):
    """An export did not pass its own checks; nothing was written."""


class CameraError(FacedgeError):
    """A frame source cannot be opened, or went away."""


class StorageError(FacedgeError):
    """A file or folder cannot be written: a full, read-only or failing disk."""


class MissingDependencyError(FacedgeError):
    """An optional package or model file is not installed."""


def first_line(problem: object, most: int | None = None) -> str:
    """The first line of an exception's text, at most so many characters; its type's name where it has no text."""
    lines = str(problem).strip().splitlines()
    return lines[0][:most] if lines else type(problem).__name__

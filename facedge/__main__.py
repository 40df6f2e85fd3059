"""`facedge`, and `python -m facedge`: the command line as a process of its own."""

import gc
import os
import sys
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line, and end the process at once.

    Taking onnxruntime and numpy down in order takes a tenth of a short command's time and frees nothing that the system
    does not free. Where torch is at work, its workers are waited for.
    """
    _open_standard_streams()
    gc.set_threshold(100_000)  # imports make many objects and no garbage: looking for some takes 10 ms of a start
    from facedge.cli import main

    code: object = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:  # a full disk, or nobody who reads: what was said is not there
        code = 2
    number = code if isinstance(code, int) else 2
    if "torch" in sys.modules:
        sys.exit(number)
    os._exit(number)


def _open_standard_streams() -> None:
    """Open /dev/null in place of a closed stdin, stdout or stderr (`facedge verify photo.jpg >&-`).

    Otherwise the next file that is opened gets the free number, and what a library prints would end up in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    run()

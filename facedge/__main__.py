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


if __name__ == "__main__":
    run()

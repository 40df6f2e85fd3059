"""ONNX Runtime sessions, made from bytes that were checked before, and held to the bundle's contract."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: later is too late

import onnxruntime

from facedge.bundle.graph import inspect_graph
from facedge.errors import BundleError, InputError

QUIET = 3  # errors only: warnings about a graph are for those who export it
MOST_THREADS = 256
FLOAT, BYTES = "tensor(float)", "tensor(uint8)"


class Port(NamedTuple):
    """An input or output of a graph: its name, its type, its shape with None where any size is meant."""

    name: str
    type: str
    shape: tuple[int | None, ...]


def about_engine() -> str:
    """The version of onnxruntime and what it runs on, such as "1.32.0, CPUExecutionProvider"."""
    return ", ".join([onnxruntime.__version__, *onnxruntime.get_available_providers()])


def open_session(name: str, data: bytes, *, threads: int = 1) -> Any:
    """An onnxruntime.InferenceSession on the CPU for the ONNX file `data`, called `name` in errors.

    The graph is inspected first (nothing outside the file, standard operators), so no engine ever follows a path
    that a bundle names. Raises BundleError when it does not load, InputError for a senseless number of threads.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise InputError(f"threads: expected 1 to {MOST_THREADS}, got {threads}")
    inspect_graph(name, data)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime's exceptions share no public base class
        reason = str(problem).strip().splitlines()[0][:160] if str(problem).strip() else type(problem).__name__
        raise BundleError(f"{name} does not load in onnxruntime {onnxruntime.__version__} ({reason})") from problem


def check_ports(name: str, session: Any, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
    """BundleError unless the graph's inputs and outputs are exactly these, in any order."""
    _check_side(name, "input", session.get_inputs(), inputs)
    _check_side(name, "output", session.get_outputs(), outputs)


def _check_side(name: str, side: str, found: Sequence[Any], expected: Sequence[Port]) -> None:
    ports = {port.name: port for port in found}
    if set(ports) != {port.name for port in expected}:
        wanted = ", ".join(port.name for port in expected)
        raise BundleError(f"{name}: expected {side} {wanted}, got {', '.join(sorted(ports))}: export the bundle again")
    for port in expected:
        got = ports[port.name]
        if got.type != port.type or not _shape_fits(got.shape, port.shape):
            raise BundleError(
                f"{name}: {side} {port.name} should be {port.type} {_shown(port.shape)}, "
                f"got {got.type} {_shown(got.shape)}: export the bundle again"
            )


def _shape_fits(found: Sequence[object], expected: Sequence[int | None]) -> bool:
    """A free axis must be free in the graph (a name or None), a fixed one must have that very size."""
    if len(found) != len(expected):
        return False
    return all(
        (not isinstance(have, int)) if want is None else have == want
        for have, want in zip(found, expected, strict=True)
    )


def _shown(shape: Sequence[object]) -> str:
    return "(" + ", ".join("N" if axis is None else str(axis) for axis in shape) + ")"

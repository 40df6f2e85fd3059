"""Opening ONNX models in onnxruntime: the one place that makes sessions, with telemetry off.

From version 1.29 on onnxruntime sends telemetry unless ORT_DISABLE_TELEMETRY is set before it is imported.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime

from facedge.errors import BundleError, FacedgeError, InputError, first_line
from facedge.types import AnyArray

ERRORS_ONLY, FATAL_ONLY = 3, 4  # onnxruntime's log severities
MOST_THREADS = 256
MOST_REASON = 160  # characters of onnxruntime's reason in a sentence
FLOAT, BYTES = "tensor(float)", "tensor(uint8)"
CPU = ("CPUExecutionProvider",)


class Port(NamedTuple):
    """An input or output of a graph: name, type, and shape with None for an axis of any size."""

    name: str
    type: str
    shape: tuple[int | None, ...]


def runtime_version() -> str:
    """The version of onnxruntime and its providers, such as "1.32.0, CPUExecutionProvider"."""
    return ", ".join([onnxruntime.__version__, *onnxruntime.get_available_providers()])


def with_cuda() -> tuple[str, ...]:
    """The providers of a session that runs on an NVIDIA GPU where onnxruntime has one, otherwise on the CPU."""
    cuda = "CUDAExecutionProvider"
    return (cuda, *CPU) if cuda in onnxruntime.get_available_providers() else CPU


def open_session(
    name: str,
    model: bytes | Path,
    *,
    threads: int = 1,
    spinning: bool = True,
    providers: Sequence[str] = CPU,
    error: type[FacedgeError] = BundleError,
) -> Any:
    """An onnxruntime.InferenceSession of an ONNX file, called `name` in errors.

    model: the file's bytes, or its path where its weights may lie in files beside it (never in a bundle).
    threads: CPU threads of one run. spinning: idle threads wait actively, which is faster and burns a core between
    runs. error: raised where the model does not load. Raises InputError for a number of threads outside 1 to 256.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise InputError(f"threads: expected 1 to {MOST_THREADS}, got {threads}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=list(providers)
        )
    except Exception as problem:  # onnxruntime's exceptions share no public base class
        reason = first_line(problem, MOST_REASON)
        raise error(f"{name} does not load in onnxruntime {onnxruntime.__version__} ({reason})") from problem


def why_no_batch(session: Any, name: str, image: AnyArray) -> str | None:
    """None where the graph gives two outputs for two images (1, ...) of its input `name`, otherwise the reason.

    Some graphs name their batch axis and take one image all the same, so that only a run tells.
    """
    options = onnxruntime.RunOptions()
    options.log_severity_level = FATAL_ONLY  # a failure is an answer here
    try:
        outputs = session.run(None, {name: np.concatenate([image, image])}, options)
    except Exception as problem:  # onnxruntime's exceptions share no public base class
        return first_line(problem, MOST_REASON)
    return None if all(len(output) == 2 for output in outputs) else "two images give one output"


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
                f"{name}: {side} {port.name} should be {port.type} {_shape_text(port.shape)}, "
                f"got {got.type} {_shape_text(got.shape)}: export the bundle again"
            )


def _shape_fits(found: Sequence[object], expected: Sequence[int | None]) -> bool:
    """A free axis must be free in the graph (a name or None), a fixed one must have that very size."""
    if len(found) != len(expected):
        return False
    return all(
        (not isinstance(have, int)) if want is None else have == want
        for have, want in zip(found, expected, strict=True)
    )


def _shape_text(shape: Sequence[object]) -> str:
    return "(" + ", ".join("N" if axis is None else str(axis) for axis in shape) + ")"

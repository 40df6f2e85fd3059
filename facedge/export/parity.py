"""The same images through torch and through onnxruntime: an export whose answers differ is not an export."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facedge.errors import ExportError
from facedge.export.engine import Floats, session

TOLERANCE = 1e-4
BATCHES = (1, 2, 7)
THREADS = (1, 2)

TorchRun = Callable[[Floats], dict[str, Floats]]


@dataclass(frozen=True)
class Parity:
    """Largest absolute difference of each output between two engines, over so many inputs."""

    max_abs_difference: dict[str, float]
    inputs: int

    @property
    def worst(self) -> float:
        """The largest difference over all outputs."""
        return max(self.max_abs_difference.values())


def measure(onnx_bytes: bytes, run: TorchRun, inputs: npt.NDArray[Any], *, name: str) -> Parity:
    """Compare a file's outputs with `run`'s on `inputs` (N, ...), in batches of 1, 2 and 7, on 1 and 2 threads.

    `run` maps a batch to {output name: float32 (n, k)}; the file's one input takes the same batch. Every batch size
    covers all the images. Raises ExportError when N < 7 or an output is missing or has another shape.
    """
    if len(inputs) < max(BATCHES):
        raise ExportError(f"parity of {name} needs at least {max(BATCHES)} images, but {len(inputs)} came")
    expected = run(inputs)
    worst = dict.fromkeys(expected, 0.0)
    for threads in THREADS:
        engine = session(onnx_bytes, threads=threads)
        for start, stop in _slices(len(inputs)):
            values = engine.run(list(expected), {engine.get_inputs()[0].name: inputs[start:stop]})
            for output, value in zip(expected, values, strict=True):
                worst[output] = max(worst[output], _difference(value, expected[output][start:stop], name, output))
    return Parity(worst, len(inputs))


def require(parity: Parity, name: str) -> None:
    """Raise ExportError if a difference is over the tolerance (or is no number)."""
    over = {output: d for output, d in parity.max_abs_difference.items() if not d <= TOLERANCE}
    if over:
        listed = ", ".join(f"{output} by {d:.2g}" for output, d in over.items())
        raise ExportError(
            f"{name} and torch disagree: {listed} (allowed: {TOLERANCE:g}, {parity.inputs} images): no bundle "
            "was written; train again, or report this as a bug with the run's config.json"
        )


def _slices(count: int) -> Iterator[tuple[int, int]]:
    for batch in BATCHES:
        for start in range(0, count, batch):
            yield start, min(start + batch, count)


def _difference(value: Floats, expected: Floats, name: str, output: str) -> float:
    if value.shape != expected.shape:
        raise ExportError(f"{name}: output {output} has shape {value.shape}, but torch gives {expected.shape}")
    return float(np.abs(value.astype(np.float64) - expected).max())

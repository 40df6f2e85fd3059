"""`facedge export --int8`: quantize, measure against float on held-out faces, and ship only what passes the gate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedge.dataset.faces import Faces
from facedge.errors import ExportError
from facedge.export.engine import Floats, session
from facedge.export.evaluate import Figures, Track, figures, run_backbone
from facedge.export.quantize import CALIBRATION_IMAGES, layers, quantize, sensitivity
from facedge.preprocessing import PreprocessSpec, preprocess

ACCURACY_LOSS = 0.003  # of the mean attribute accuracy, as a fraction
TAR_LOSS = 0.01
SENSITIVITY_IMAGES = 96
MOST_IN_FLOAT = 4  # layers; with more, int8 would not be worth its file
ROUNDS = 200


@dataclass(frozen=True)
class Gate:
    """One condition: what was measured, what was allowed, and whether it holds."""

    name: str
    measured: str
    allowed: str
    passed: bool


@dataclass(frozen=True)
class Quantized:
    """The outcome: the int8 file, None where a gate failed, and the table that says why."""

    data: bytes | None
    gates: tuple[Gate, ...]
    in_float: tuple[str, ...]
    partition: str
    speedup: float

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON types, for the manifest."""
        return {
            "shipped": self.data is not None,
            "partition": self.partition,
            "speedup": round(self.speedup, 2),
            "layers_in_float": list(self.in_float),
            "gates": [vars(gate) for gate in self.gates],
        }

    def sentence(self) -> str:
        """What happened, for people."""
        table = ", ".join(f"{gate.name} {gate.measured} (allowed: {gate.allowed})" for gate in self.gates)
        kept = f", {len(self.in_float)} layers in float" if self.in_float else ""
        if self.data is not None:
            return f"int8 passes its gate on the {self.partition} faces: {table}{kept}"
        failed = " and ".join(gate.name for gate in self.gates if not gate.passed)
        return f"int8 fails its gate ({failed}), so the bundle holds float32 only: {table}{kept}"


def quantize_gated(
    backbone: bytes, faces: Faces, spec: PreprocessSpec, say: Callable[[str], None], track: Track
) -> Quantized:
    """Quantize backbone.onnx on the train partition and hold it to the gate on the test (else validation) partition.

    Where everything in int8 loses too much, the layers that do most harm alone stay in float, up to four.
    """
    images = _calibration_images(faces, spec)
    partition = "test" if len(faces.indices("test")) else "validation"
    fp32 = figures(run_backbone(backbone, faces, partition, spec, track), faces, partition)
    in_float: tuple[str, ...] = ()
    harmful: list[str] | None = None
    while True:
        data = quantize(backbone, images, in_float=in_float)
        int8 = figures(run_backbone(data, faces, partition, spec, track), faces, partition)
        speedup = interleaved_speedup(backbone, data, images[:1])
        gates = judge(fp32, int8, speedup)
        passed = all(gate.passed for gate in gates)
        only_slow = all(gate.passed for gate in gates if gate.name != "speed")
        if passed or only_slow or len(in_float) >= min(MOST_IN_FLOAT, len(layers(backbone)) - 1):
            return Quantized(data if passed else None, gates, in_float, partition, speedup)
        if harmful is None:
            say("int8 loses too much with every layer quantized: looking for the layers that suffer most")
            harmful = [name for name, _ in sensitivity(backbone, images[:SENSITIVITY_IMAGES])]
        in_float = tuple(harmful[: len(in_float) + 1])


def judge(fp32: Figures, int8: Figures, speedup: float) -> tuple[Gate, ...]:
    """The gate: attribute accuracy, TAR where identities are known, and speed on this device."""
    lost = fp32.attribute_accuracy - int8.attribute_accuracy
    gates = [Gate("attribute accuracy", f"{-lost:+.2%}", f"-{ACCURACY_LOSS:.1%}", lost <= ACCURACY_LOSS)]
    if fp32.tar_at_far_1e_3 is not None and int8.tar_at_far_1e_3 is not None:
        lost = fp32.tar_at_far_1e_3 - int8.tar_at_far_1e_3
        gates.append(Gate("TAR at FAR 1e-3", f"{-lost:+.2%}", f"-{TAR_LOSS:.0%}", lost <= TAR_LOSS))
    gates.append(Gate("speed", f"{speedup:.2f}x of float32", "over 1x", speedup > 1.0))
    return tuple(gates)


def interleaved_speedup(one: bytes, other: bytes, image: Floats, rounds: int = ROUNDS) -> float:
    """Median time of `one` over the median of `other` on one image, one thread, measured in turns."""
    engines = [session(one), session(other)]
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for engine, times in zip(engines, seconds, strict=True):
            start = time.perf_counter()
            engine.run(None, {"image": image})
            times.append(time.perf_counter() - start)
    return float(np.median(seconds[0]) / np.median(seconds[1]))


def _calibration_images(faces: Faces, spec: PreprocessSpec) -> Floats:
    rows = faces.indices("train")
    if not len(rows):
        raise ExportError("--int8 takes the ranges of activations from train images, but the dataset has none")
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, CALIBRATION_IMAGES).astype(np.int64))]
    return np.asarray(preprocess(np.ascontiguousarray(faces.images[chosen]), spec), np.float32)

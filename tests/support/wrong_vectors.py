"""A bundle whose golden vectors are a little wrong: what every host must notice."""

import json
from pathlib import Path

import numpy as np
import onnx
import tiny_bundle
from onnx import numpy_helper

from facedge.bundle import write_bundle


def with_wrong_vector(bundle: Path, target: Path, what: str, by: float) -> Path:
    """A copy of `bundle` at `target`; `what` (tensor, attributes, embedding, probability) is off in its second case.

    The tensor is off by the lowest bit of its last value, the others by `by`.
    """
    files = {path.name: path.read_bytes() for path in bundle.iterdir() if not path.name.startswith("manifest")}
    kit = json.loads(files["golden.json"])
    if what == "tensor":
        tensor = bytearray(files["golden_half_tensor.npy"])
        tensor[-4] ^= 1
        files["golden_half_tensor.npy"] = bytes(tensor)
    elif what == "probability":
        kit["cases"][1][what] += by
    else:
        kit["cases"][1][what][-1] += by
    files["golden.json"] = json.dumps(kit).encode()
    return write_bundle(target, files, tiny_bundle.manifest()).path


def with_undefined_output(bundle: Path, target: Path) -> Path:
    """A copy of `bundle` at `target` whose backbone gives NaN for the first attribute, and the right numbers else."""
    files = {path.name: path.read_bytes() for path in bundle.iterdir() if not path.name.startswith("manifest")}
    files["backbone.onnx"] = undefined_output(files["backbone.onnx"])
    return write_bundle(target, files, tiny_bundle.manifest()).path


def undefined_output(backbone: bytes) -> bytes:
    """The backbone of a tiny bundle, with NaN for the first attribute."""
    model = onnx.load_from_string(backbone)
    (read,) = (tensor for tensor in model.graph.initializer if tensor.name == "read")
    weights = numpy_helper.to_array(read).copy()
    weights[:, 0] = np.nan
    read.CopyFrom(numpy_helper.from_array(weights, "read"))
    return bytes(model.SerializeToString())

"""A bundle whose golden vectors are a little wrong: what every host must notice."""

import json
from pathlib import Path

import tiny_bundle

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

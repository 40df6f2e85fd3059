"""Golden vectors: small images drawn in integers, and the outputs that every host must give for them.

`golden.json` lists the cases; each has its image and the network's input as .npy files beside it. A host must
reproduce the tensor bit for bit, and the outputs within the tolerance given there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedge.bundle import Bundle
from facedge.bundle import json_fields as check
from facedge.bundle.arrays import read_array, to_npy
from facedge.errors import BundleError
from facedge.runtime.embedder import VERIFIER, Embedder, open_head, open_verifier
from facedge.types import AnyArray, Float32Array, UInt8Array

GOLDEN = "golden.json"
TOLERANCE = 1e-4  # of outputs between engines; the tensor has none
SIZES = {"small": (73, 60), "half": (109, 89), "full": (218, 178)}  # name -> (height, width)


@dataclass(frozen=True)
class GoldenCase:
    """One image uint8 (H, W, 3) with its tensor (1, 1, S, S), embedding (D,), attributes (A,) and probability."""

    name: str
    image: UInt8Array
    tensor: Float32Array
    embedding: Float32Array
    attributes: Float32Array
    probability: float


def golden_files(bundle: Bundle) -> dict[str, bytes]:
    """The test kit of a bundle, files by name: the outputs of its fp32 backbone and head for every drawn image."""
    embedder, head = Embedder(bundle, precision="fp32"), open_head(bundle)
    files: dict[str, bytes] = {}
    cases: list[dict[str, Any]] = []
    for name, (height, width) in SIZES.items():
        image = draw(height, width)
        tensor = embedder.prepare(image[None])
        embedding, attributes, probability = _outputs(embedder, head, tensor)
        names = {"image": f"golden_{name}_image.npy", "tensor": f"golden_{name}_tensor.npy"}
        files |= {names["image"]: to_npy(image), names["tensor"]: to_npy(tensor)}
        answers = {"embedding": _listed(embedding[0]), "attributes": _listed(attributes[0])}
        cases.append({"name": name, **names, **answers, "probability": float(probability[0, 0])})
    content = {"format_version": 1, "tolerance": TOLERANCE, "cases": cases}
    return {GOLDEN: (json.dumps(content, indent=1) + "\n").encode(), **files}


def draw(height: int, width: int) -> UInt8Array:
    """A coloured pattern, uint8 (H, W, 3), in integers only, so that programs in any language draw the same one."""
    y = np.arange(height, dtype=np.int64)[:, None] * 256 // height
    x = np.arange(width, dtype=np.int64)[None, :] * 256 // width
    ring = ((x - 128) ** 2 + (y - 150) ** 2) // 97
    return np.stack([(x * y) >> 8, (3 * x + ring) & 255, (ring ^ (y >> 1)) & 255], axis=2).astype(np.uint8)


def read_golden(files: Mapping[str, bytes]) -> tuple[float, list[GoldenCase]]:
    """(tolerance, cases) of a bundle's files; BundleError where the test kit is incomplete or damaged."""
    content = check.parse_json(files[GOLDEN], GOLDEN)
    check.exact_keys(content, frozenset({"format_version", "tolerance", "cases"}), GOLDEN)
    check.whole(content["format_version"], f"{GOLDEN} format_version", least=1, most=1)
    tolerance = check.number(content["tolerance"], f"{GOLDEN} tolerance")
    if not isinstance(content["cases"], list) or not content["cases"]:
        check.refuse(f"{GOLDEN} cases", "a list with at least one case", content["cases"])
    return tolerance, [_case(item, files) for item in content["cases"]]


def check_golden(bundle: Bundle) -> str:
    """Reproduce every golden vector: a sentence with the largest difference, or BundleError at the first failure."""
    tolerance, cases = read_golden(bundle.files)
    embedder, head = Embedder(bundle, precision="fp32"), open_head(bundle)
    worst = 0.0
    for case in cases:
        tensor = embedder.prepare(case.image[None])
        if tensor.tobytes() != case.tensor.tobytes():
            off = int((tensor != case.tensor).sum()) if tensor.shape == case.tensor.shape else case.tensor.size
            raise BundleError(f"golden vector {case.name!r}: {off} of {tensor.size} values of the tensor differ")
        worst = max(worst, _difference(case, _outputs(embedder, head, tensor), tolerance))
    if VERIFIER in bundle.files:
        worst = max(worst, _check_verifier(bundle, cases, tolerance))
    return f"{len(cases)} golden vectors reproduced, tensors bit for bit, outputs within {worst:.1e}"


def _check_verifier(bundle: Bundle, cases: list[GoldenCase], tolerance: float) -> float:
    session = open_verifier(bundle)
    worst = 0.0
    wanted = ["embedding", "attributes", "probability"]
    for case in cases:
        worst = max(worst, _difference(case, session.run(wanted, {"image": case.image[None]}), tolerance))
    return worst


def _outputs(embedder: Embedder, head: Any, tensor: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Embedding (1, D), attributes (1, A) and probability (1, 1) of one network input."""
    embedding, attributes = embedder.infer(tensor)
    (probability,) = head.run(["probability"], {"embedding": embedding})
    return embedding, attributes, probability


def _difference(case: GoldenCase, outputs: Sequence[Float32Array], tolerance: float) -> float:
    """The largest difference of embedding, attributes and probability; BundleError where it is above the tolerance."""
    embedding, attributes, probability = outputs
    worst = max(
        float(np.abs(embedding[0] - case.embedding).max()),
        float(np.abs(attributes[0] - case.attributes).max()),
        abs(float(probability[0, 0]) - case.probability),
    )
    if not worst <= tolerance:
        raise BundleError(f"golden vector {case.name!r}: outputs differ by {worst:.1e}; expected at most {tolerance:g}")
    return worst


def _case(item: object, files: Mapping[str, bytes]) -> GoldenCase:
    found = check.mapping(item, f"{GOLDEN} cases")
    keys = frozenset({"name", "image", "tensor", "embedding", "attributes", "probability"})
    check.exact_keys(found, keys, f"{GOLDEN} cases")
    return GoldenCase(
        check.text(found["name"], f"{GOLDEN} name", limit=60),
        _array(found["image"], files, np.uint8, 3),
        _array(found["tensor"], files, np.float32, 4),
        _numbers(found["embedding"], "embedding"),
        _numbers(found["attributes"], "attributes"),
        check.number(found["probability"], f"{GOLDEN} probability"),
    )


def _array(name: object, files: Mapping[str, bytes], dtype: type, axes: int) -> AnyArray:
    if not isinstance(name, str) or name not in files:
        check.refuse(f"{GOLDEN} file", "a file of this bundle", name)
    array = read_array(name, files[name])
    if array.dtype != dtype or array.ndim != axes:
        check.refuse(name, f"{np.dtype(dtype)} with {axes} axes", f"{array.dtype} {array.shape}")
    return array


def _numbers(values: object, key: str) -> Float32Array:
    if not isinstance(values, list):
        check.refuse(f"{GOLDEN} {key}", "a list of numbers", values)
    return np.array([check.number(v, f"{GOLDEN} {key}", least=-1e6, most=1e6) for v in values], np.float32)


def _listed(row: Float32Array) -> list[float]:
    return [float(value) for value in row]

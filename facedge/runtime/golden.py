"""Golden vectors: small images drawn in integers, and the outputs that every host must give for them.

`golden.json` lists the cases; each has its image and the network's input as .npy files beside it. A host must
reproduce the tensor bit for bit, and the outputs within the tolerance given there: those of the float32 backbone, and
under `verifier` those of verifier.onnx, which holds the backbone of the manifest's precision.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facedge.bundle import Bundle
from facedge.bundle import json_fields as check
from facedge.bundle.arrays import read_array, to_npy
from facedge.bundle.format import GOLDEN_ARRAY
from facedge.errors import BundleError
from facedge.faces.quality import input_contrast
from facedge.runtime.embedder import VERIFIER, Embedder, open_head, open_verifier
from facedge.types import AnyArray, Float32Array, UInt8Array

GOLDEN = "golden.json"
# Of outputs between engines; the tensor has none. int8 needs no other: its sums are exact in integers, and the shipped
# int8 models are off by at most 2.5e-7 on the golden images (onnxruntime 1.20, 1.22 and 1.32, optimized or not, with
# AVX-512 VNNI and with AVX2 alone; 1.30 on aarch64, with and without dot products; onnxruntime-web).
TOLERANCE = 1e-4
SIZES = {"small": (73, 60), "half": (109, 89), "full": (218, 178)}  # name -> (height, width)
ANSWERS = ("embedding", "attributes", "probability")
VERIFIER_ANSWERS = (*ANSWERS, "quality")


@dataclass(frozen=True)
class GoldenCase:
    """One image uint8 (H, W, 3) with its tensor (1, 1, S, S), embedding (D,), attributes (A,) and probability.

    verifier: the outputs of verifier.onnx by name, (D,), (A,), (1,) and (1,); empty where golden.json has none.
    """

    name: str
    image: UInt8Array
    tensor: Float32Array
    embedding: Float32Array
    attributes: Float32Array
    probability: float
    verifier: Mapping[str, Float32Array]


def golden_files(bundle: Bundle) -> dict[str, bytes]:
    """The test kit of a bundle, files by name: the outputs of its fp32 backbone and head for every drawn image.

    Where `bundle` holds verifier.onnx, also those of the backbone that it was made of.
    """
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
    files[GOLDEN] = _to_json({"format_version": 1, "tolerance": TOLERANCE, "cases": cases})
    if VERIFIER in bundle.files:
        files[GOLDEN] = with_verifier_answers(replace(bundle, files={**bundle.files, **files}))
    return files


def with_verifier_answers(bundle: Bundle) -> bytes:
    """The golden.json of `bundle` with the outputs of its verifier.onnx; everything else in it stays as it is.

    They are computed by the backbone of the manifest's precision and the head, so that they check verifier.onnx.
    """
    content = check.parse_json(bundle.files[GOLDEN], GOLDEN)
    embedder, head = Embedder(bundle), open_head(bundle)
    for item, case in zip(content["cases"], read_golden(bundle.files)[1], strict=True):
        outputs = (*_outputs(embedder, head, case.tensor), np.array([[input_contrast(case.tensor)]], np.float32))
        item["verifier"] = {
            name: _listed(value[0]) if name in ("embedding", "attributes") else float(value[0, 0])
            for name, value in zip(VERIFIER_ANSWERS, outputs, strict=True)
        }
    return _to_json(content)


def golden_of_head(bundle: Bundle, kit: Mapping[str, bytes]) -> dict[str, bytes]:
    """The test kit among the files `kit`, made for the same backbones, with the probabilities of the head of `bundle`.

    Empty where there is none that fits: of this embedding size, with outputs of verifier.onnx where `bundle` holds it.
    """
    cases = read_golden(kit)[1] if GOLDEN in kit else []
    sizes = {len(row) for case in cases for row in (case.embedding, case.verifier.get("embedding", case.embedding))}
    if sizes != {bundle.manifest.embedding_size} or (VERIFIER in bundle.files and not all(c.verifier for c in cases)):
        return {}
    head, content = open_head(bundle), check.parse_json(kit[GOLDEN], GOLDEN)
    for item, case in zip(content["cases"], cases, strict=True):
        item["probability"] = _probability(head, case.embedding)
        if case.verifier:
            item["verifier"]["probability"] = _probability(head, case.verifier["embedding"])
    arrays = {name: data for name, data in kit.items() if GOLDEN_ARRAY.fullmatch(name)}
    return {GOLDEN: _to_json(content), **arrays}


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
        outputs = dict(zip(ANSWERS, _outputs(embedder, head, tensor), strict=True))
        expected = {name: np.atleast_1d(np.float32(getattr(case, name))) for name in ANSWERS}
        worst = max(worst, _difference(f"golden vector {case.name!r}", expected, outputs, tolerance))
    if VERIFIER in bundle.files:
        worst = max(worst, _check_verifier(bundle, cases, tolerance))
    return f"{len(cases)} golden vectors reproduced, tensors bit for bit, outputs within {worst:.1e}"


def _check_verifier(bundle: Bundle, cases: list[GoldenCase], tolerance: float) -> float:
    session = open_verifier(bundle)
    worst = 0.0
    for case in cases:
        where = f"golden vector {case.name!r}, {VERIFIER}"
        if not case.verifier:
            raise BundleError(f"{where}: {GOLDEN} has no outputs for it: run facedge bundle convert")
        values = session.run(list(VERIFIER_ANSWERS), {"image": case.image[None]})
        outputs = dict(zip(VERIFIER_ANSWERS, values, strict=True))
        worst = max(worst, _difference(where, case.verifier, outputs, tolerance))
    return worst


def _probability(head: Any, embedding: Float32Array) -> float:
    (probability,) = head.run(["probability"], {"embedding": embedding[None]})
    return float(probability[0, 0])


def _outputs(embedder: Embedder, head: Any, tensor: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Embedding (1, D), attributes (1, A) and probability (1, 1) of one network input."""
    embedding, attributes = embedder.infer(tensor)
    (probability,) = head.run(["probability"], {"embedding": embedding})
    return embedding, attributes, probability


def relative_difference(got: Float32Array, expected: Float32Array) -> float:
    """The largest absolute difference of two arrays of one shape, of values beyond 1 as a share of them; NaN stays."""
    return float((np.abs(got - expected) / np.maximum(1, np.abs(expected))).max())


def _difference(
    where: str, expected: Mapping[str, Float32Array], outputs: Mapping[str, Float32Array], tolerance: float
) -> float:
    """The largest difference of outputs (1, n) from (n,); BundleError where one is above the tolerance, or NaN."""
    for name, value in expected.items():
        if outputs[name].shape != (1, len(value)):
            raise BundleError(f"{where}: {name} has {outputs[name].size} values; expected {len(value)}")
    worst = float(np.max([relative_difference(outputs[name][0], value) for name, value in expected.items()]))
    if not worst <= tolerance:
        raise BundleError(f"{where}: outputs differ by {worst:.1e}; expected at most {tolerance:g}")
    return worst


def _case(item: object, files: Mapping[str, bytes]) -> GoldenCase:
    found = check.mapping(item, f"{GOLDEN} cases")
    keys = frozenset({"name", "image", "tensor", *ANSWERS})
    check.exact_keys(found, keys | (found.keys() & {"verifier"}), f"{GOLDEN} cases")
    return GoldenCase(
        check.text(found["name"], f"{GOLDEN} name", limit=60),
        _array(found["image"], files, np.uint8, 3),
        _array(found["tensor"], files, np.float32, 4),
        _numbers(found["embedding"], "embedding"),
        _numbers(found["attributes"], "attributes"),
        check.number(found["probability"], f"{GOLDEN} probability"),
        _verifier_answers(found["verifier"]) if "verifier" in found else {},
    )


def _verifier_answers(item: object) -> dict[str, Float32Array]:
    found = check.mapping(item, f"{GOLDEN} verifier")
    check.exact_keys(found, frozenset(VERIFIER_ANSWERS), f"{GOLDEN} verifier")
    rows = {name: _numbers(found[name], name) for name in ("embedding", "attributes")}
    return rows | {name: _numbers([found[name]], name) for name in ("probability", "quality")}


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


def _to_json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()

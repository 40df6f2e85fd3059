"""verifier.onnx with another head and other properties, without the onnx package.

Enrollment on a device makes a new head.onnx; the bundle's verifier.onnx holds the same weights under the names
`head/hidden.weight`, ..., so it is rewritten field by field and everything else keeps its bytes.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

from facedge.errors import BundleError
from facedge.runtime import head_graph as wire

_GRAPH, _PROPERTIES, _INITIALIZER, _NAME = 7, 14, 5, 8


def verifier_properties(
    *,
    name: str,
    enrolled: bool,
    threshold: float | None,
    spec_digest: str,
    attribute_names: Sequence[str],
    licence: str,
    backbone: bytes,
    head: bytes,
) -> dict[str, str]:
    """metadata_props of a verifier.onnx: all an app needs to know that holds no manifest.

    `facedge.threshold` is a decimal number, empty where nobody is enrolled; `facedge.attribute_names` a JSON list in
    the order of the columns; the two hashes name the bundle's files that went into it.
    """
    return {
        "facedge.name": name,
        "facedge.enrolled": "true" if enrolled else "false",
        "facedge.threshold": "" if threshold is None else repr(float(threshold)),
        "facedge.spec_digest": spec_digest,
        "facedge.attribute_names": json.dumps(list(attribute_names), ensure_ascii=False),
        "facedge.licence": licence,
        "facedge.backbone_sha256": hashlib.sha256(backbone).hexdigest(),
        "facedge.head_sha256": hashlib.sha256(head).hexdigest(),
    }


def verifier_with_head(verifier: bytes, head: bytes, properties: Mapping[str, str]) -> bytes:
    """The bytes of `verifier` (verifier.onnx) with the weights of `head` (head.onnx) and these properties.

    Raises BundleError when either file is not what facedge writes, or the shapes of the two heads differ.
    """
    weights = wire.read_head(head)
    fresh = {f"head/{name}": getattr(weights, field) for name, field in wire.INITIALIZERS.items()}
    replaced: set[str] = set()

    def initializer(data: bytes) -> bytes:
        name = wire.first_text(_NAME, data)
        if name not in fresh:
            return data
        replaced.add(name)
        new = wire.tensor_bytes(name, fresh[name])
        if len(new) != len(data):
            raise BundleError(f"verifier.onnx has another shape of {name} than head.onnx: export the bundle again")
        return new

    try:
        out = _rewrite(verifier, _GRAPH, lambda graph: _rewrite(graph, _INITIALIZER, initializer))
        out = b"".join(wire.field_bytes(n, v) for n, v in wire.fields(out) if n != _PROPERTIES)
    except (ValueError, IndexError, KeyError) as problem:
        raise BundleError("verifier.onnx is not an ONNX file: export the bundle again") from problem
    if replaced != set(fresh):
        raise BundleError("verifier.onnx does not hold facedge's head: export the bundle again")
    return out + b"".join(wire.property_bytes(_PROPERTIES, k, v) for k, v in sorted(properties.items()))


def _rewrite(data: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    """The message `data` with `change` applied to each length-delimited field of this number."""
    parts = []
    for field, value in wire.fields(data):
        parts.append(wire.field_bytes(field, change(value) if field == number and isinstance(value, bytes) else value))
    return b"".join(parts)

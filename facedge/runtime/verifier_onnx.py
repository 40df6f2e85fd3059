"""verifier.onnx of a bundle, without the onnx package: its properties, the one that fits a head, and its check.

The file joins the preprocessing, the backbone of the manifest's precision and head.onnx in one graph (made by
facedge.export.verifier_graph), for hosts that read this file only.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping

from facedge.bundle import Bundle, Manifest
from facedge.bundle.format import BACKBONES
from facedge.bundle.head_onnx import verifier_with_head
from facedge.bundle.onnx_file import inspect_graph
from facedge.bundle.read import read_file, read_manifest
from facedge.bundle.resolve import pretrained
from facedge.errors import BundleError
from facedge.faces.quality import LEAST_INPUT_CONTRAST
from facedge.runtime.embedder import HEAD, VERIFIER, open_verifier

BACKBONE_SHA256, QUALITY_FLOOR = "facedge.backbone_sha256", "facedge.quality_floor"


def verifier_properties(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, str]:
    """metadata_props of the verifier.onnx of a bundle: what an app needs to know without the manifest.

    `facedge.threshold` is a decimal number, empty where nobody is enrolled; `facedge.quality_floor` the least `quality`
    of an image that may be scored, in grey levels; `facedge.attribute_names` a JSON list in the order of the columns;
    the two hashes name the bundle's files that went into it.
    """
    return {
        "facedge.name": manifest.name,
        "facedge.enrolled": "true" if manifest.enrolled else "false",
        "facedge.threshold": "" if manifest.threshold is None else repr(float(manifest.threshold)),
        QUALITY_FLOOR: repr(LEAST_INPUT_CONTRAST),
        "facedge.spec_digest": manifest.spec_digest,
        "facedge.attribute_names": json.dumps(list(manifest.attribute_names), ensure_ascii=False),
        "facedge.licence": manifest.data.licence,
        BACKBONE_SHA256: _sha256(files[BACKBONES[manifest.precision]]),
        "facedge.head_sha256": _sha256(files[HEAD]),
    }


def fitted_verifier(manifest: Manifest, files: Mapping[str, bytes]) -> bytes | None:
    """verifier.onnx for the backbone and head among `files`, with the properties of `manifest`.

    It is the one among `files`, or else that of the package's own bundle, with the head put in. None where neither was
    made of this backbone in the manifest's precision, or the head has another shape.
    """
    backbone = _sha256(files[BACKBONES[manifest.precision]])
    for verifier in _candidates(files):
        if _made_of(verifier, backbone):
            with contextlib.suppress(BundleError):
                return verifier_with_head(verifier, files[HEAD], verifier_properties(manifest, files))
    return None


def check_verifier(bundle: Bundle) -> str:
    """A sentence about the bundle's verifier.onnx; BundleError unless its ports and properties are as they should."""
    open_verifier(bundle)
    found = inspect_graph(VERIFIER, bundle.files[VERIFIER]).properties
    for key, value in verifier_properties(bundle.manifest, bundle.files).items():
        if found.get(key) != value:
            raise BundleError(
                f"{VERIFIER}: property {key} should be {value[:60]!r}, got {found.get(key, '')[:60]!r}: run facedge "
                "bundle convert"
            )
    precision = bundle.manifest.precision
    return f"uint8 image of any size -> embedding, attributes, probability, quality; {precision}, as the manifest"


def _candidates(files: Mapping[str, bytes]) -> Iterator[bytes]:
    if VERIFIER in files:
        yield files[VERIFIER]
    with contextlib.suppress(BundleError):  # an installation may carry no bundle
        shipped = pretrained()
        entry = read_manifest(shipped)[0].files.get(VERIFIER)
        if entry is not None:
            yield read_file(shipped, VERIFIER, entry)


def _made_of(verifier: bytes, backbone_sha256: str) -> bool:
    """Whether the file names this backbone, and has the output `quality`, which early ones lacked."""
    properties = inspect_graph(VERIFIER, verifier).properties
    return properties.get(BACKBONE_SHA256) == backbone_sha256 and QUALITY_FLOOR in properties


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""The models of a bundle, opened and held to the inputs and outputs that the format fixes."""

from typing import Any

from facedge.bundle import Bundle
from facedge.bundle.layout import BACKBONES
from facedge.errors import BundleError
from facedge.runtime.session import BYTES, FLOAT, Port, check_ports, open_session

HEAD, VERIFIER = "head.onnx", "verifier.onnx"


def open_backbone(bundle: Bundle, precision: str, *, threads: int = 1) -> Any:
    """image float32 (N, 1, S, S) -> embedding (N, D), attributes (N, A); BundleError where the graph is another."""
    name = BACKBONES.get(precision, "")
    if name not in bundle.files:
        held = ", ".join(kind for kind, file in BACKBONES.items() if file in bundle.files)
        raise BundleError(f"{bundle.path.name} has no {precision} backbone; it has {held}: choose one of these")
    size = bundle.manifest.preprocess_spec().size
    session = open_session(name, bundle.files[name], threads=threads)
    check_ports(name, session, [Port("image", FLOAT, (None, 1, size, size))], _backbone_outputs(bundle))
    return session


def open_head(bundle: Bundle) -> Any:
    """embedding float32 (N, D) -> probability (N, 1); BundleError where the graph is another."""
    session = open_session(HEAD, bundle.files[HEAD])
    embedding = Port("embedding", FLOAT, (None, bundle.manifest.embedding_size))
    check_ports(HEAD, session, [embedding], [Port("probability", FLOAT, (None, 1))])
    return session


def open_verifier(bundle: Bundle, *, threads: int = 1) -> Any:
    """image uint8 (N, H, W, 3) -> embedding, attributes, probability (N, 1); BundleError where the graph is another."""
    session = open_session(VERIFIER, bundle.files[VERIFIER], threads=threads)
    image = Port("image", BYTES, (None, None, None, 3))
    outputs = [*_backbone_outputs(bundle), Port("probability", FLOAT, (None, 1))]
    check_ports(VERIFIER, session, [image], outputs)
    return session


def _backbone_outputs(bundle: Bundle) -> list[Port]:
    manifest = bundle.manifest
    return [
        Port("embedding", FLOAT, (None, manifest.embedding_size)),
        Port("attributes", FLOAT, (None, len(manifest.attribute_names))),
    ]

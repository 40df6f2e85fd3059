"""`facedge adopt`: a face recogniser in ONNX as the backbone of a bundle.

What only training could give is fitted or measured on prepared faces: attributes by a linear layer on the train
partition, its penalty, figures and cohort on the validation partition, the int8 gate on the test partition. Nothing is
written before every check has passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import facedge
from facedge.bundle import Bundle, DataNote, Manifest
from facedge.bundle.write import check_target
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE, Faces
from facedge.errors import ExportError
from facedge.export.bundle import HeldOut, measure_held_out, now, summary, write_complete
from facedge.export.held_out import evenly_spread, run_backbone
from facedge.export.onnx import template_head_onnx
from facedge.export.parity import measure, parity_images, require
from facedge.export.recogniser import AttributeLayer, FeatureMap, backbone_of, feature_count, usable_maps
from facedge.formatting import counted, percent
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.logistic_regression import Examples, fit_logistic
from facedge.train.recogniser import Recogniser, open_recogniser, read_input
from facedge.types import Float32Array, Say, Track, UInt8Array, silent, untracked

MOST_NUMBERS = 200_000_000  # features of all images of a fit, 0.8 GB and at its peak 2.4: 26,000 images by EdgeFace-S
UNKNOWN_LICENCE = "not stated when it was adopted: ask its maker"


@dataclass(frozen=True)
class AdoptRequest:
    """The arguments of `facedge adopt`.

    input: a name of facedge.train.teacher.CONVENTIONS, or a JSON file. licence: that of the recogniser, in a sentence.
    """

    recogniser: Path
    output: Path
    faces: Path
    input: str = "arcface"
    licence: str | None = None
    impostors: Path | None = None
    int8: bool = False
    name: str | None = None
    usage: str | None = None


def adopt(request: AdoptRequest, say: Say = silent, track: Track = untracked) -> Bundle:
    """Write the bundle `request.output` around the recogniser; nobody is enrolled in it.

    Raises InputError for an input convention that cannot be read, DatasetError for faces that are not prepared,
    ExportError where the recogniser cannot be a backbone or gives other embeddings inside the bundle than by itself.
    """
    check_target(request.output)  # before minutes of work
    recogniser = open_recogniser(request.recogniser, read_input(request.input))
    faces = _faces_of(request.faces)
    spec, maps = recogniser.convention.spec, usable_maps(recogniser)
    features = backbone_of(recogniser, maps)
    read = f"{counted(len(maps), 'feature map')} and the embeddings" if maps else "the embeddings alone"
    say(f"{recogniser.name}: fitting attributes on {read} of the train faces")
    layer = _fit_attributes(features, feature_count(recogniser, maps), faces, spec, track)
    backbone = backbone_of(recogniser, maps, layer)
    images, source = parity_images(faces)
    say(f"comparing the bundle's backbone with {recogniser.name} itself on {len(images)} images ({source})")
    parity = _parity(backbone, recogniser, features, layer, images)
    held_out = measure_held_out(backbone, faces, spec, say, track, int8=request.int8, impostors=request.impostors)
    files = {"backbone.onnx": backbone, "head.onnx": template_head_onnx(recogniser.embedding_size), **held_out.files()}
    manifest = _manifest(request, recogniser, maps, faces, held_out, parity)
    files["card.md"] = _card(manifest, held_out)
    bundle = write_complete(request.output, files, manifest, images, faces, track)
    say(summary(bundle, held_out))
    return bundle


def _faces_of(path: Path) -> Faces:
    faces = Faces.open(path)
    for partition, purpose in (("train", "attributes are fitted on"), ("validation", "impostors come from")):
        labels = faces.attributes[faces.indices(partition)]
        if not (labels != UNKNOWN_ATTRIBUTE).all(axis=1).any():
            raise ExportError(
                f"{path} has no {partition} images with attributes, which {purpose}: prepare a dataset with labels and "
                "a partition, such as CelebA"
            )
    return faces


def _fit_attributes(features: bytes, count: int, faces: Faces, spec: PreprocessSpec, track: Track) -> AttributeLayer:
    """The attribute layer: fitted on the train partition, its penalty chosen on the validation partition.

    features: the backbone without it, which gives `count` of them.
    """
    most = MOST_NUMBERS // count

    def examples(partition: str) -> Examples:
        rows = faces.indices(partition)
        rows = evenly_spread(rows[(faces.attributes[rows] != UNKNOWN_ATTRIBUTE).any(axis=1)], most)
        found = run_backbone(features, faces, partition, spec, track, rows=rows)
        return Examples.of(torch.from_numpy(found.attributes), torch.from_numpy(faces.attributes[rows]))

    found = fit_logistic(examples("train"), examples("validation"))
    return AttributeLayer(found.weight.numpy(), found.bias.numpy())


def _parity(
    backbone: bytes, recogniser: Recogniser, features: bytes, layer: AttributeLayer, images: UInt8Array
) -> dict[str, float]:
    """Largest differences of backbone.onnx from the recogniser's own file and from the layer on `features`.

    Raises ExportError over 1e-4.
    """
    session = open_session("the features", features, error=ExportError)

    def run(x: Float32Array) -> dict[str, Float32Array]:
        (values,) = session.run(["attributes"], {"image": x})
        logits = values @ layer.weights.T + layer.bias
        attributes = (1 + np.tanh(logits / 2)) / 2  # the sigmoid, without overflow
        return {"embedding": recogniser.reference(x), "attributes": attributes.astype(np.float32)}

    found = measure(backbone, run, preprocess(images, recogniser.convention.spec), name="backbone.onnx")
    require(found, "backbone.onnx", recogniser.name, "export the recogniser again, with a free batch and opset 20")
    return found.max_abs_difference


def _manifest(
    request: AdoptRequest,
    recogniser: Recogniser,
    maps: Sequence[FeatureMap],
    faces: Faces,
    held_out: HeldOut,
    parity: dict[str, float],
) -> Manifest:
    data, licence, spec = faces.info, request.licence or UNKNOWN_LICENCE, recogniser.convention.spec
    adopted = {
        "recogniser": recogniser.name,
        "sha256": recogniser.sha256,
        "licence": licence,
        "input": recogniser.convention.to_dict(),
        "feature_maps": [[each.channels, each.side] for each in maps],
    }
    licences = f"{recogniser.name}: {licence}; attributes and cohort: {data['licence']}"
    return Manifest(
        name=request.name or request.output.stem,
        enrolled=False,
        spec=spec.to_dict(),
        spec_digest=spec.digest,
        embedding_size=recogniser.embedding_size,
        attribute_names=tuple(faces.attribute_names),
        threshold=None,
        calibration=None,
        parity=parity,
        data=DataNote(f"{recogniser.name} by its maker; attributes on {data['name']}", licences, data["partition"]),
        metrics={"arch": "adopted", "adopted": adopted, **held_out.metrics()},
        usage=request.usage or f"Whoever both licences allow: {licences}",
        created_by=f"facedge {facedge.__version__}",
        created=now(),
        precision=held_out.precision,
    )


def _card(manifest: Manifest, held_out: HeldOut) -> bytes:
    """card.md: where the backbone comes from, what was measured, and what these figures leave open."""
    adopted, found = manifest.metrics["adopted"], held_out.figures
    spec, corners = manifest.preprocess_spec(), ", ".join(f"{corner:g}" for corner in adopted["input"]["box"])
    tar = f", TAR {percent(found.tar_at_far_1e_3)} at FAR 0.1 %" if found.tar_at_far_1e_3 is not None else ""
    people = counted(found.identities, "person", "people")
    maps = f" and on {counted(len(adopted['feature_maps']), 'feature map')}" if adopted["feature_maps"] else ""
    lines = (
        f"# {manifest.name}: an adopted recogniser",
        f"**Backbone.** `{adopted['recogniser']}` (sha256 `{adopted['sha256']}`), not trained by facedge. It reads a "
        f"grey crop of {spec.size}x{spec.size} pixels, {corners} of the 178x218 frame, and gives an embedding of "
        f"{manifest.embedding_size} numbers; a linear layer on it{maps}, fitted on the train faces of the "
        "dataset below, gives the attributes.",
        f"**Licence of the recogniser.** {adopted['licence']}",
        f"**Data.** {manifest.data.name}. {manifest.data.licence}",
        f"**Measured** on {found.images:,} validation images of {people}: attributes "
        f"{percent(found.attribute_accuracy)} (majority guess {percent(found.majority_accuracy)}){tar}. The "
        "recogniser's maker may have trained on the same people: expect less of it on others.",
    )
    return "\n\n".join(lines).encode() + b"\n"

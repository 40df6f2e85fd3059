"""`facedge export`: a trained run, checked at every step, becomes a bundle. Nothing is written before all is well."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import facedge
from facedge.bundle import Bundle, Calibration, DataNote, Manifest, write_bundle
from facedge.bundle.arrays import to_npy
from facedge.bundle.writing import check_target
from facedge.dataset.faces import Faces
from facedge.errors import ExportError
from facedge.export.backbone import backbone_onnx, head_onnx, template_head_onnx
from facedge.export.calibrate import Impostors, calibrate, cohort
from facedge.export.checks import check_backbone, check_head, check_verifier, embed
from facedge.export.crowd import read_crowd, together
from facedge.export.engine import Floats, session
from facedge.export.evaluate import Figures, figures, run_backbone
from facedge.export.int8 import Quantized, quantize_gated
from facedge.export.pictures import Bytes, parity_images
from facedge.export.verifier import verifier_onnx
from facedge.runtime.golden import golden_files
from facedge.runtime.verifier_graph import verifier_properties
from facedge.train.config import BackboneConfig
from facedge.train.run import load_backbone, load_head, weights_sha256

Say = Callable[[str], None]
Track = Callable[[Iterable[int], str, int], Iterable[int]]


@dataclass(frozen=True)
class ExportRequest:
    """What `facedge export` was asked for; None leaves the choice to export."""

    run: Path
    output: Path
    head: Path | None = None
    faces: Path | None = None
    far: float | None = None
    impostors: Path | None = None
    int8: bool = False
    lean: bool = False
    name: str | None = None
    usage: str | None = None


@dataclass(frozen=True)
class _Held:
    """What the validation partition gives: figures for the manifest, impostors for the threshold."""

    figures: Figures
    impostors: Impostors
    float_embeddings: Floats  # of the impostors, by the float32 backbone that verifier.onnx holds
    int8: Quantized | None


def export_bundle(
    request: ExportRequest, say: Say = lambda _: None, track: Track = lambda items, _what, _total: items
) -> Bundle:
    """Export a backbone run, and a head run where one is given, into the bundle `request.output`.

    Raises ExportError when torch and onnxruntime disagree or the threshold cannot be justified, RunError and
    DatasetError when the inputs are not what they should be. The bundle appears whole or not at all.
    """
    check_target(request.output)  # before minutes of work, not after them
    backbone, config = load_backbone(request.run)
    head = _head_of(request)
    faces = _faces_of(request, config)
    images, source = parity_images(faces)
    say(f"exporting, and comparing torch with onnxruntime on {len(images)} images ({source})")
    files, parity = _export_models(backbone, head, config, images)
    held = _held_out(files, faces, config, request.int8, say, track) if faces else None
    if held and request.impostors:
        held = _with_crowd(held, request.impostors, files["backbone.onnx"], config, track)
    threshold, calibration = _threshold(files["head.onnx"], held, request.far) if head else (None, None)
    if held:
        files |= _held_files(held)
    manifest = _manifest(request, config, threshold, calibration, parity, held)
    if not request.lean:
        files["verifier.onnx"] = _verifier(files, manifest, config)
    debug = _verifier(files, manifest, config, debug=True)
    parity["verifier"] = check_verifier(debug, files["backbone.onnx"], files["head.onnx"], images, config.spec)
    manifest = _manifest(request, config, threshold, calibration, parity, held)
    files |= golden_files(Bundle(request.output, manifest, files, sha256=""))
    bundle = write_bundle(request.output, files, manifest, private=manifest.enrolled)
    say(_summary(bundle, held))
    return bundle


def _head_of(request: ExportRequest) -> nn.Module | None:
    """The head of the request, which must have been trained on this very backbone."""
    if request.head is None:
        if request.far is not None:
            raise ExportError("--far chooses a head's threshold, but no --head came: give both or neither")
        return None
    if request.faces is None:
        raise ExportError(
            "a head needs a threshold, and that needs impostors: give --faces FACES (made by `facedge prepare`), "
            "whose validation people neither model has seen"
        )
    head, config = load_head(request.head)
    if config.backbone_sha256 != weights_sha256(request.run):
        raise ExportError(
            f"{request.head} was trained on another backbone than {request.run}: export it with its own run, or train "
            "the head again on this one"
        )
    return head


def _faces_of(request: ExportRequest, config: BackboneConfig) -> Faces | None:
    if request.faces is None:
        if request.impostors:
            raise ExportError("--impostors adds to the validation people of --faces: give --faces FACES as well")
        if request.int8:
            raise ExportError("--int8 needs faces for its ranges and its gate: give --faces FACES")
        return None
    faces = Faces.open(request.faces)
    if tuple(faces.attribute_names) != tuple(config.attribute_names):
        raise ExportError(
            f"{request.faces} has other attributes than {request.run}: give the dataset it was trained on"
        )
    if not len(faces.indices("validation")):
        raise ExportError(f"{request.faces} has no validation images, so no impostors: prepare it with a partition")
    return faces


def _export_models(
    backbone: nn.Module, head: nn.Module | None, config: BackboneConfig, images: Bytes
) -> tuple[dict[str, bytes], dict[str, float]]:
    """backbone.onnx and head.onnx, and their largest differences from torch."""
    data = backbone_onnx(backbone, config.spec.size)
    parity = check_backbone(data, backbone, images, config.spec)
    if head is None:
        return {"backbone.onnx": data, "head.onnx": template_head_onnx(config.embedding_size)}, parity
    files = {"backbone.onnx": data, "head.onnx": head_onnx(head)}
    return files, parity | check_head(files["head.onnx"], head, embed(data, images, config.spec))


def _held_out(
    files: dict[str, bytes], faces: Faces, config: BackboneConfig, int8: bool, say: Say, track: Track
) -> _Held:
    """Figures and impostors of the validation partition, through the backbone that the bundle will run by default."""
    small = quantize_gated(files["backbone.onnx"], faces, config.spec, say, track) if int8 else None
    if small:
        say(small.sentence())
    used = small.data if small and small.data else files["backbone.onnx"]
    seen = run_backbone(used, faces, "validation", config.spec, track)
    source = f"validation people of {faces.info['name']}"
    in_float = seen
    if used is not files["backbone.onnx"]:
        in_float = run_backbone(files["backbone.onnx"], faces, "validation", config.spec, track)
    impostors = Impostors(seen.embeddings, faces.identities[seen.rows], source)
    return _Held(figures(seen, faces, "validation"), impostors, in_float.embeddings, small)


def _with_crowd(held: _Held, folder: Path, backbone: bytes, config: BackboneConfig, track: Track) -> _Held:
    """The validation people and the strangers of --impostors, as one crowd of impostors, seen in both precisions."""
    small = held.int8.data if held.int8 else None
    crowds = read_crowd(folder, [small, backbone] if small else [backbone], config.spec, track)
    in_float = np.concatenate([held.float_embeddings, crowds[-1].embeddings])
    return replace(held, impostors=together(held.impostors, crowds[0]), float_embeddings=in_float)


def _threshold(head: bytes, held: _Held | None, far: float | None) -> tuple[float, Calibration]:
    """One threshold for both precisions: an impostor counts with the higher of its two scores."""
    assert held is not None  # _head_of demands --faces
    engine = session(head)
    both = (held.impostors.embeddings, held.float_embeddings)
    scores = [engine.run(["probability"], {"embedding": embeddings})[0][:, 0] for embeddings in both]
    impostors = held.impostors
    if held.int8 and held.int8.data:
        impostors = replace(impostors, source=f"{impostors.source}, the higher score of float32 and int8")
    return calibrate(np.maximum(*scores), impostors, far)


def _held_files(held: _Held) -> dict[str, bytes]:
    chosen = cohort(held.impostors)
    files = {"cohort.npy": to_npy(chosen.embeddings), "cohort_identities.npy": to_npy(chosen.identities)}
    return files | ({"backbone.int8.onnx": held.int8.data} if held.int8 and held.int8.data else {})


def _manifest(
    request: ExportRequest,
    config: BackboneConfig,
    threshold: float | None,
    calibration: Calibration | None,
    parity: dict[str, float],
    held: _Held | None,
) -> Manifest:
    metrics: dict[str, Any] = {"arch": config.arch}
    if held:
        metrics["held_out"] = held.figures.to_dict()
    if held and held.int8:
        metrics["int8"] = held.int8.to_dict()
    return Manifest(
        name=request.name or request.output.stem,
        enrolled=threshold is not None,
        spec=config.spec.to_dict(),
        spec_digest=config.spec.digest,
        embedding_size=config.embedding_size,
        attribute_names=tuple(config.attribute_names),
        threshold=threshold,
        calibration=calibration,
        parity=parity,
        data=DataNote(config.data.name, config.data.licence, config.data.partition),
        metrics=metrics,
        usage=request.usage or f"Whoever the licence of the training data allows: {config.data.licence}",
        created_by=f"facedge {facedge.__version__}",
        created=_now(),
        precision="int8" if held and held.int8 and held.int8.data else "fp32",
    )


def _now() -> str:
    """UTC, to the second; SOURCE_DATE_EPOCH (reproducible-builds.org) makes it reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _verifier(files: dict[str, bytes], manifest: Manifest, config: BackboneConfig, *, debug: bool = False) -> bytes:
    backbone, head = files["backbone.onnx"], files["head.onnx"]
    properties = verifier_properties(
        name=manifest.name,
        enrolled=manifest.enrolled,
        threshold=manifest.threshold,
        spec_digest=manifest.spec_digest,
        attribute_names=manifest.attribute_names,
        licence=manifest.data.licence,
        backbone=backbone,
        head=head,
    )
    return verifier_onnx(backbone, head, config.spec, properties, debug=debug)


def _summary(bundle: Bundle, held: _Held | None) -> str:
    manifest = bundle.manifest
    size = sum(len(data) for data in bundle.files.values()) / 1e6
    parts = [f"{bundle.path}: {size:.1f} MB, parity {max(manifest.parity.values()):.1e}"]
    if held:
        f = held.figures
        parts.append(f"attributes {f.attribute_accuracy:.1%} (majority guess {f.majority_accuracy:.1%})")
    if manifest.threshold is None:
        parts.append("nobody enrolled: use `facedge enroll`, or export with --head")
    if c := manifest.calibration:
        parts.append(
            f"threshold {manifest.threshold:.4f} for FAR {c.far_target:g} (at most {c.far_upper95:.2g}, 95 %; "
            f"{c.identities:,} impostors, {c.comparisons:,} comparisons)"
        )
    return "; ".join(parts)

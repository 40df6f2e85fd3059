"""`facedge export`: from a trained run to a bundle; nothing is written before every check has passed."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import facedge
from facedge.bundle import Bundle, Calibration, DataNote, Manifest, write_bundle
from facedge.bundle.arrays import to_npy
from facedge.bundle.format import BACKBONES
from facedge.bundle.write import check_target
from facedge.dataset.prepared import Faces
from facedge.errors import ExportError
from facedge.export.calibrate import Impostors, calibrate, cohort, impostor_photos, joined
from facedge.export.calibration_table import table_files
from facedge.export.held_out import Figures, figures, run_backbone
from facedge.export.int8 import Quantized, quantize_gated
from facedge.export.onnx import backbone_onnx, head_onnx, template_head_onnx
from facedge.export.parity import check_backbone, check_head, check_verifier, embed, parity_images
from facedge.export.rounding import rounded_array, rounded_backbone
from facedge.export.verifier_graph import joined_verifier
from facedge.formatting import file_size, percent
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec
from facedge.runtime.golden import golden_files
from facedge.train.config import BackboneConfig
from facedge.train.face_head import load_head
from facedge.train.run_folder import load_backbone, weights_sha256
from facedge.types import Float32Array, Say, Track, UInt8Array, silent, untracked


@dataclass(frozen=True)
class ExportRequest:
    """The arguments of `facedge export`; None leaves the choice to export."""

    run: Path
    output: Path
    head: Path | None = None
    faces: Path | None = None
    far: float | None = None
    impostors: Path | None = None
    int8: bool = False
    rounded: bool = False
    name: str | None = None
    usage: str | None = None


@dataclass(frozen=True)
class HeldOut:
    """Results on the validation partition: figures for the manifest, impostors for the threshold."""

    figures: Figures
    impostors: Impostors  # embedded by the backbone that the bundle runs by default
    float_embeddings: Float32Array  # of the same impostors, by the float32 backbone, which a host may choose
    int8: Quantized | None

    @property
    def int8_backbone(self) -> bytes | None:
        """backbone.int8.onnx; None where none was asked for, or it did not pass its gate."""
        return self.int8.data if self.int8 else None

    @property
    def precision(self) -> str:
        """The precision that the bundle runs by default: int8 where it passed its gate."""
        return "int8" if self.int8_backbone else "fp32"

    def files(self, *, rounded: bool = False) -> dict[str, bytes]:
        """The files of the bundle that follow from it: the cohort, and backbone.int8.onnx where it passed."""
        chosen = cohort(self.impostors)
        embeddings = rounded_array(chosen.embeddings) if rounded else chosen.embeddings
        files = {"cohort.npy": to_npy(embeddings), "cohort_identities.npy": to_npy(chosen.identities)}
        return files | ({"backbone.int8.onnx": self.int8_backbone} if self.int8_backbone else {})

    def metrics(self) -> dict[str, Any]:
        """The figures as the manifest holds them."""
        found: dict[str, Any] = {"held_out": self.figures.to_dict()}
        return found | ({"int8": self.int8.to_dict()} if self.int8 else {})


def export_bundle(request: ExportRequest, say: Say = silent, track: Track = untracked) -> Bundle:
    """Export a backbone run, and a head run where one is given, into the bundle `request.output`.

    Raises ExportError when torch and onnxruntime disagree or the threshold cannot be justified, RunError and
    DatasetError when the inputs are not as expected. The bundle is written whole or not at all.
    """
    check_target(request.output)  # before minutes of work
    backbone, config = load_backbone(request.run)
    if not config.embedding_is_trained:
        raise ExportError(
            f"{request.run} was trained without identities and without a teacher, so its embedding is random and tells "
            "nobody apart: train again with identity_CelebA.txt, with --teacher T.onnx, or with --arch plain"
        )
    backbone = rounded_backbone(backbone) if request.rounded else backbone
    head = _head_of(request)
    faces = _faces_of(request, config)
    images, source = parity_images(faces)
    say(f"exporting, and comparing torch with onnxruntime on {len(images)} images ({source})")
    files, parity = _export_models(backbone, head, config, images)
    held_out = None
    if faces:
        held_out = measure_held_out(
            files["backbone.onnx"], faces, config.spec, say, track, int8=request.int8, impostors=request.impostors
        )
        files |= held_out.files(rounded=request.rounded)
    threshold, calibration = _threshold(files["head.onnx"], held_out, request.far) if head else (None, None)
    manifest = _manifest(request, config, held_out, threshold, calibration)
    bundle = write_complete(request.output, files, replace(manifest, parity=parity), images, faces, track)
    say(summary(bundle, held_out))
    return bundle


def write_complete(
    path: Path,
    files: dict[str, bytes],
    manifest: Manifest,
    images: UInt8Array,
    faces: Faces | None,
    track: Track = untracked,
) -> Bundle:
    """Write a bundle of backbones, head and cohort, and what is made of them: verifier.onnx, calibration, golden data.

    images: aligned, uint8 (N, H, W) or (N, H, W, 3), on which verifier.onnx is compared with its parts. faces: whose
    validation people the calibration table is made of; None for a bundle without a cohort.
    """
    files = {**files, "verifier.onnx": joined_verifier(manifest, files)}
    difference = _verifier_parity(manifest, files, images)
    manifest = replace(manifest, parity={**manifest.parity, "verifier": difference})
    if faces is not None:
        files |= table_files(Bundle(path, manifest, files, sha256=""), faces, track=track)
    files |= golden_files(Bundle(path, manifest, files, sha256=""))
    return write_bundle(path, files, manifest, private=manifest.enrolled)


def _head_of(request: ExportRequest) -> nn.Module | None:
    """The head of the request, which must have been trained on this very backbone."""
    if request.head is None:
        if request.far is not None:
            raise ExportError("--far chooses a head's threshold, but no --head came: give both or neither")
        return None
    if request.faces is None:
        raise ExportError(
            "a head needs a threshold, and that needs impostors: give --faces FACES (made by `facedge prepare`), "
            "whose validation people are in no training set"
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
    backbone: nn.Module, head: nn.Module | None, config: BackboneConfig, images: UInt8Array
) -> tuple[dict[str, bytes], dict[str, float]]:
    """backbone.onnx and head.onnx, and their largest differences from torch."""
    data = backbone_onnx(backbone, config.spec.size)
    parity = check_backbone(data, backbone, images, config.spec)
    if head is None:
        return {"backbone.onnx": data, "head.onnx": template_head_onnx(config.embedding_size)}, parity
    files = {"backbone.onnx": data, "head.onnx": head_onnx(head)}
    return files, parity | check_head(files["head.onnx"], head, embed(data, images, config.spec))


def measure_held_out(
    backbone: bytes,
    faces: Faces,
    spec: PreprocessSpec,
    say: Say,
    track: Track,
    *,
    int8: bool = False,
    impostors: Path | None = None,
) -> HeldOut:
    """Figures and impostors, through the backbone that the bundle will run by default, and through the float32 one.

    int8: quantize, behind the gate. impostors: photos of more people, one folder a person.
    """
    quantized = quantize_gated(backbone, faces, spec, say, track) if int8 else None
    if quantized:
        say(quantized.sentence())
    in_float = run_backbone(backbone, faces, "validation", spec, track)
    eight_bit = quantized.data if quantized else None
    default = run_backbone(eight_bit, faces, "validation", spec, track) if eight_bit else in_float
    source = f"validation people of {faces.info['name']}"
    found = Impostors(default.embeddings, faces.identities[default.rows], source)
    float_embeddings = in_float.embeddings
    if impostors:
        more = impostor_photos(impostors, [eight_bit, backbone] if eight_bit else [backbone], spec, track)
        found = joined(found, more[0])
        float_embeddings = np.concatenate([float_embeddings, more[-1].embeddings])
    return HeldOut(figures(default, faces, "validation"), found, float_embeddings, quantized)


def _threshold(head: bytes, held_out: HeldOut | None, far: float | None) -> tuple[float, Calibration]:
    """One threshold for both precisions: an impostor counts with the higher of its two scores."""
    assert held_out is not None  # _head_of demands --faces
    session = open_session("head.onnx", head, error=ExportError)
    both = (held_out.impostors.embeddings, held_out.float_embeddings)
    scores = [session.run(["probability"], {"embedding": embeddings})[0][:, 0] for embeddings in both]
    impostors = held_out.impostors
    if held_out.int8_backbone:
        impostors = replace(impostors, source=f"{impostors.source}, the higher score of float32 and int8")
    return calibrate(np.maximum(*scores), impostors, far)


def _manifest(
    request: ExportRequest,
    config: BackboneConfig,
    held_out: HeldOut | None,
    threshold: float | None,
    calibration: Calibration | None,
) -> Manifest:
    """The manifest, its parity still empty."""
    return Manifest(
        name=request.name or request.output.stem,
        enrolled=threshold is not None,
        spec=config.spec.to_dict(),
        spec_digest=config.spec.digest,
        embedding_size=config.embedding_size,
        attribute_names=tuple(config.attribute_names),
        threshold=threshold,
        calibration=calibration,
        parity={},
        data=_data_note(config),
        metrics={"arch": config.arch, **(held_out.metrics() if held_out else {})},
        usage=request.usage or f"Whoever the licence of the training data allows: {config.data.licence}",
        created_by=f"facedge {facedge.__version__}",
        created=now(),
        precision=held_out.precision if held_out else "fp32",
    )


def _data_note(config: BackboneConfig) -> DataNote:
    """The training data, further sets and teachers included: whoever uses the bundle inherits all their terms."""
    name = "; ".join([config.data.name, *(f"faces without labels: {card.name}" for card in config.more)])
    if config.teachers:
        name += "; taught by " + " and ".join(teacher.split()[0] for teacher in config.teachers)
    licences = dict.fromkeys([config.data.licence, *(card.licence for card in config.more)])
    return DataNote(name, "; ".join(licences), config.data.partition)


def now() -> str:
    """The time of a manifest: UTC, to the second; SOURCE_DATE_EPOCH (reproducible-builds.org) makes it reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _verifier_parity(manifest: Manifest, files: dict[str, bytes], images: UInt8Array) -> float:
    debug, backbone = joined_verifier(manifest, files, debug=True), files[BACKBONES[manifest.precision]]
    return check_verifier(debug, backbone, files["head.onnx"], images, manifest.preprocess_spec())


def summary(bundle: Bundle, held_out: HeldOut | None) -> str:
    """The outcome in one line."""
    manifest = bundle.manifest
    size = file_size(sum(len(data) for data in bundle.files.values()))
    parts = [f"{bundle.path}: {size}, parity {max(manifest.parity.values()):.1e}"]
    if held_out:
        accuracy, majority = held_out.figures.attribute_accuracy, held_out.figures.majority_accuracy
        parts.append(f"attributes {percent(accuracy)} (majority guess {percent(majority)})")
    if manifest.threshold is None:
        parts.append("nobody enrolled: use `facedge enroll`, or export with --head")
    if c := manifest.calibration:
        parts.append(
            f"threshold {manifest.threshold:.4f} for FAR {c.far_target:g} (at most {c.far_upper95:.2g}, 95 %; "
            f"{c.identities:,} impostors, {c.comparisons:,} comparisons)"
        )
    return "; ".join(parts)

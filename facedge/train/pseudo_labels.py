"""Attributes of images without labels, as a bundle's backbone predicts them (pseudo-labels).

A student that is trained on them beside the labelled images, with its input disturbed, generalises better than its
teacher (Xie et al. 2020, "Self-training with Noisy Student improves ImageNet classification").
"""

import dataclasses
from pathlib import Path

import torch

from facedge.bundle.format import BACKBONES
from facedge.bundle.read import read_bundle
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE
from facedge.errors import InputError
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec
from facedge.train.augment import centre_crop
from facedge.train.data import Samples
from facedge.types import Track, untracked

BATCH = 256


def with_predicted_labels(
    samples: Samples,
    bundle: Path,
    names: tuple[str, ...],
    spec: PreprocessSpec,
    *,
    threads: int = 1,
    track: Track = untracked,
) -> Samples:
    """The samples with the bundle's probabilities in place of unknown attributes: attributes float32 (N, A).

    names: of the attributes. Raises InputError where the bundle predicts other attributes or takes another crop, and
    BundleError where it is none.
    """
    content = read_bundle(bundle)
    if content.manifest.attribute_names != names:
        raise InputError(f"{bundle} predicts other attributes than FACES has: give --labels-from another bundle")
    if content.manifest.spec_digest != spec.digest:
        raise InputError(f"{bundle} takes another size or crop of the face: give --labels-from a bundle of this --size")
    attributes = samples.attributes.float()
    unknown = attributes == UNKNOWN_ATTRIBUTE
    rows = torch.nonzero(unknown.any(dim=1)).flatten()
    backbone = content.files.get(BACKBONES["fp32"], content.files[BACKBONES[content.manifest.precision]])
    session = open_session(f"{bundle}'s backbone", backbone, threads=threads)
    parts = torch.split(rows, BATCH)
    for part in track(parts, "labels", len(parts)):
        image = centre_crop(samples.patches[part], spec.size).cpu().numpy()
        predicted = torch.from_numpy(session.run(["attributes"], {"image": image})[0]).to(attributes.device)
        attributes[part] = torch.where(unknown[part], predicted, attributes[part])
    return dataclasses.replace(samples, attributes=attributes)

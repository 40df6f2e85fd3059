"""Attributes of images without labels, as a bundle's backbone predicts them (pseudo-labels).

A student that is trained on them beside the labelled images, with its input disturbed, generalises better than its
teacher (Xie et al. 2020, "Self-training with Noisy Student improves ImageNet classification").
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facedge.bundle.format import BACKBONES
from facedge.bundle.read import read_bundle
from facedge.dataset.prepared import UNKNOWN_ATTRIBUTE
from facedge.errors import InputError
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, resize_grey
from facedge.preprocessing.spec import FRACTION
from facedge.train.augment import centre_crop, normalise
from facedge.train.data import MARGIN, Samples, patch_box
from facedge.types import Float32Array, Track, untracked

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

    names: of the attributes. spec: of the samples' patches; the bundle sees its own crop of them. Raises InputError
    where the bundle predicts other attributes or its crop reaches beyond the patches, and BundleError where it is none.
    """
    content = read_bundle(bundle)
    if content.manifest.attribute_names != names:
        raise InputError(f"{bundle} predicts other attributes than FACES has: give --labels-from another bundle")
    crop_of = _cropping(content.manifest.preprocess_spec(), spec, bundle)
    attributes = samples.attributes.float()
    unknown = attributes == UNKNOWN_ATTRIBUTE
    rows = torch.nonzero(unknown.any(dim=1)).flatten()
    backbone = content.files.get(BACKBONES["fp32"], content.files[BACKBONES[content.manifest.precision]])
    session = open_session(f"{bundle}'s backbone", backbone, threads=threads)
    parts = torch.split(rows, BATCH)
    for part in track(parts, "labels", len(parts)):
        image = crop_of(samples.patches[part])
        predicted = torch.from_numpy(session.run(["attributes"], {"image": image})[0]).to(attributes.device)
        attributes[part] = torch.where(unknown[part], predicted, attributes[part])
    return dataclasses.replace(samples, attributes=attributes)


def _cropping(own: PreprocessSpec, spec: PreprocessSpec, bundle: Path) -> Callable[[Tensor], Float32Array]:
    """The function of patches (N, P, P) that gives the bundle's input (N, 1, S, S), P pixels being those of `spec`."""
    if own == spec:
        return lambda patches: np.asarray(centre_crop(patches, spec.size).cpu().numpy(), np.float32)
    left, top, right, bottom = patch_box(spec)
    side = spec.size + 2 * MARGIN
    across, down = side / (right - left), side / (bottom - top)
    x0, y0, x1, y1 = (corner / FRACTION for corner in own.crop)
    box = (x0 - left) * across, (y0 - top) * down, (x1 - left) * across, (y1 - top) * down
    if min(box) < 0 or max(box) > side:
        seen = ", ".join(f"{corner:.0f}" for corner in (x0, y0, x1, y1))
        raise InputError(
            f"{bundle} sees a wider crop of the face ({seen} of the frame) than training reads "
            f"({left:.0f}, {top:.0f}, {right:.0f}, {bottom:.0f}): give --labels-from another bundle"
        )

    def crop_of(patches: Tensor) -> Float32Array:
        grey = resize_grey(patches.cpu().numpy(), (own.size, own.size), box=box)
        return np.asarray(normalise(torch.from_numpy(grey)).numpy(), np.float32)

    return crop_of

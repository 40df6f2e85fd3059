"""Attributes that nobody labelled, as a bundle predicts them."""

from pathlib import Path

import numpy as np
import pytest
import torch

import facedge
from facedge.bundle.read import read_bundle
from facedge.errors import BundleError, InputError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, preprocess, resize_grey
from facedge.runtime.embedder import Embedder
from facedge.train.data import MARGIN, Samples, crop_patches
from facedge.train.pseudo_labels import with_predicted_labels

SPEC = PreprocessSpec()
BUNDLE = Path(facedge.__file__).parent / "models" / "edge.facedge"
NAMES = read_bundle(BUNDLE).manifest.attribute_names


def some_samples() -> Samples:
    """Three images: of the second no attribute is known, of the third all but the first."""
    side = SPEC.size + 2 * MARGIN
    patches = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, side, side), np.uint8))
    attributes = torch.ones(3, len(NAMES), dtype=torch.uint8)
    attributes[1], attributes[2, 0] = 255, 255
    return Samples(patches, attributes, torch.zeros(3, dtype=torch.int64), None)


def test_only_unknown_attributes_are_predicted() -> None:
    samples = some_samples()
    found = with_predicted_labels(samples, BUNDLE, NAMES, SPEC).attributes
    centre = samples.patches[:, MARGIN:-MARGIN, MARGIN:-MARGIN].numpy().astype(np.float32)
    predicted = Embedder(read_bundle(BUNDLE), precision="fp32").infer(((centre - 127.5) / 127.5)[:, None])[1]
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found[0], 1)
    np.testing.assert_allclose(found[1], predicted[1], atol=0.05)
    np.testing.assert_allclose(found[2, 0], predicted[2, 0], atol=0.05)
    np.testing.assert_array_equal(found[2, 1:], 1)


def test_a_bundle_sees_its_own_crop_of_the_patches() -> None:
    """Of patches for a larger network; drawn blobs, since the patches are resampled twice."""
    small = np.random.default_rng(1).integers(0, 256, (4, 7, 6), np.uint8)
    frames = resize_grey(small, (FRAME_HEIGHT, FRAME_WIDTH))
    spec = PreprocessSpec(size=96, crop=(20 * 256, 50 * 256, 160 * 256, 190 * 256))
    unknown = torch.full((4, len(NAMES)), 255, dtype=torch.uint8)
    patches = torch.from_numpy(crop_patches(frames, np.arange(4), spec))
    found = with_predicted_labels(Samples(patches, unknown, torch.zeros(4), None), BUNDLE, NAMES, spec).attributes
    expected = Embedder(read_bundle(BUNDLE), precision="fp32").infer(preprocess(frames, SPEC))[1]
    assert np.abs(found.numpy() - expected).mean() < 0.01
    elsewhere = [PreprocessSpec(crop=(left * 256, 60 * 256, (left + 128) * 256, 188 * 256)) for left in (20, 28)]
    for moved in elsewhere:  # by 2 of 64 pixels
        other = Embedder(read_bundle(BUNDLE), precision="fp32").infer(preprocess(frames, moved))[1]
        assert np.abs(other - expected).mean() > 0.02


def test_a_bundle_of_other_attributes_or_a_wider_crop_is_refused() -> None:
    with pytest.raises(InputError, match="predicts other attributes than FACES has"):
        with_predicted_labels(some_samples(), BUNDLE, NAMES[1:], SPEC)
    narrow = PreprocessSpec(crop=(60 * 256, 90 * 256, 120 * 256, 150 * 256))
    with pytest.raises(InputError, match=r"a wider crop of the face \(24, 60, 152, 188 of the frame\) than training"):
        with_predicted_labels(some_samples(), BUNDLE, NAMES, narrow)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected a bundle directory"):
        with_predicted_labels(some_samples(), tmp_path / "none.facedge", NAMES, SPEC)

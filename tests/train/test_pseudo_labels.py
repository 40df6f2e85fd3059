"""Attributes that nobody labelled, as a bundle predicts them."""

from pathlib import Path

import numpy as np
import pytest
import torch

import facedge
from facedge.bundle.read import read_bundle
from facedge.errors import BundleError, InputError
from facedge.preprocessing import PreprocessSpec
from facedge.runtime.embedder import Embedder
from facedge.train.data import MARGIN, Samples
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


def test_a_bundle_of_other_attributes_or_another_crop_is_refused() -> None:
    with pytest.raises(InputError, match="predicts other attributes than FACES has"):
        with_predicted_labels(some_samples(), BUNDLE, NAMES[1:], SPEC)
    with pytest.raises(InputError, match="takes another size or crop of the face"):
        with_predicted_labels(some_samples(), BUNDLE, NAMES, PreprocessSpec(size=96))


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected a bundle directory"):
        with_predicted_labels(some_samples(), tmp_path / "none.facedge", NAMES, SPEC)

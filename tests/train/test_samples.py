"""What training sees is what the device sees."""

import dataclasses

import numpy as np
import pytest
import torch

from facedge.dataset.faces import Faces
from facedge.errors import RunError
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.augment import centre
from facedge.train.samples import MARGIN, batches, classes_of, load_samples, patches

CPU = torch.device("cpu")


@pytest.mark.parametrize("crop", [(24, 60, 152, 188), (0, 20, 178, 198), (32, 70, 144, 182)])
def test_the_centre_of_a_patch_is_the_preprocessed_image_within_rounding(
    tiny_faces: Faces, crop: tuple[int, int, int, int]
) -> None:
    x0, y0, x1, y1 = crop
    spec = PreprocessSpec(size=64, crop=(x0 * 256, y0 * 256, x1 * 256, y1 * 256))
    rows = np.arange(5)
    seen = centre(torch.from_numpy(patches(tiny_faces.images, rows, spec)), 64).numpy()
    expected = preprocess(np.ascontiguousarray(tiny_faces.images[rows]), spec)
    # A patch is stored in whole grey levels, and its box is rounded to 1/256 of a pixel.
    assert np.abs(seen - expected).max() <= 1.5 / 127.5


def test_identities_are_numbered_and_rare_ones_left_out() -> None:
    identities = np.array([7, -1, 3, 7, 9, 3, -1], np.int32)
    assert classes_of(identities, 2).tolist() == [1, -1, 0, 1, -1, 0, -1]
    assert classes_of(identities, 1).tolist() == [1, -1, 0, 1, 2, 0, -1]


def test_load_samples_reads_one_partition(tiny_faces: Faces) -> None:
    samples = load_samples(tiny_faces, "validation", PreprocessSpec(size=32), CPU)
    assert len(samples) == 18
    assert samples.class_count == 3
    assert samples.patches.shape == (18, 32 + 2 * MARGIN, 32 + 2 * MARGIN)


def test_an_empty_partition_is_refused(tiny_faces: Faces) -> None:
    empty = dataclasses.replace(tiny_faces, partition=np.zeros_like(tiny_faces.partition))
    with pytest.raises(RunError, match="no validation images"):
        load_samples(empty, "validation", PreprocessSpec(), CPU)


def test_processes_share_each_batch() -> None:
    alone = list(batches(20, 6, torch.Generator().manual_seed(5)))
    shares = [list(batches(20, 6, torch.Generator().manual_seed(5), rank, 2)) for rank in (0, 1)]
    assert [len(rows) for rows in alone] == [6, 6, 6]
    for whole, first, second in zip(alone, *shares, strict=True):
        assert set(whole.tolist()) == set(first.tolist()) | set(second.tolist())


def test_fewer_images_than_a_batch_still_train() -> None:
    assert [len(rows) for rows in batches(5, 64, torch.Generator().manual_seed(0))] == [5]

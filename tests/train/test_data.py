"""Training data: patches, classes, batches, further folders of faces."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from facedge.dataset.prepared import Faces
from facedge.errors import InputError, RunError
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.augment import centre_crop
from facedge.train.data import (
    MARGIN,
    Samples,
    batch_rows,
    classes_of,
    crop_patches,
    joint_identities,
    load_samples,
    open_more,
    share_of,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("crop", [(24, 60, 152, 188), (0, 20, 178, 198), (32, 70, 144, 182)])
def test_the_centre_of_a_patch_is_the_preprocessed_image_within_rounding(
    tiny_faces: Faces, crop: tuple[int, int, int, int]
) -> None:
    x0, y0, x1, y1 = crop
    spec = PreprocessSpec(size=64, crop=(x0 * 256, y0 * 256, x1 * 256, y1 * 256))
    rows = np.arange(5)
    seen = centre_crop(torch.from_numpy(crop_patches(tiny_faces.images, rows, spec)), 64).numpy()
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


def epoch(count: int, batch: int) -> list[list[int]]:
    order, done, found = torch.arange(count), 0, []
    while (rows := batch_rows(order, done, batch)) is not None:
        found.append(rows.tolist())
        done += batch
    return found


def test_batches_go_on_after_what_is_done_and_the_incomplete_last_one_is_dropped() -> None:
    assert epoch(20, 6) == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17]]
    assert epoch(5, 64) == [[0, 1, 2, 3, 4]]  # fewer images than a batch still train


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_the_samples_and_have_as_many_each(tiny_faces: Faces, world: int) -> None:
    samples = load_samples(tiny_faces, "train", PreprocessSpec(size=32), CPU)
    rows = torch.arange(58)
    samples = Samples(samples.patches[:58], samples.attributes[:58], rows, rows[:, None].float())
    shares = [share_of(samples, rank, world, CPU) for rank in range(world)]
    assert {len(share) for share in shares} == {58 // world}
    assert sorted(torch.cat([share.classes for share in shares]).tolist()) == list(range(58 // world * world))
    for share in shares:
        assert share.teacher is not None
        assert torch.equal(share.teacher[:, 0].long(), share.classes)
        assert torch.equal(share.patches, samples.patches[share.classes])


def test_samples_count_classes() -> None:
    empty = torch.zeros(3, dtype=torch.int64)
    assert Samples(torch.zeros(3, 8, 8), torch.zeros(3, 1), empty - 1, None).class_count == 0


def more_faces(tiny_faces: Faces, identities: list[int], **info: object) -> Faces:
    """The first images of `tiny_faces` as a folder of their own, all for training."""
    count = len(identities)
    return dataclasses.replace(
        tiny_faces,
        images=tiny_faces.images[:count],
        attributes=np.full_like(tiny_faces.attributes[:count], 255),
        identities=np.array(identities, np.int32),
        partition=np.zeros(count, np.uint8),
        names=tiny_faces.names[:count],
        info={**tiny_faces.info, "unlabelled": True, **info},
    )


def test_people_of_two_folders_stay_apart_and_listed_ones_are_shared(tiny_faces: Faces) -> None:
    folders = more_faces(tiny_faces, [0, 0, 1, -1])
    listed = more_faces(tiny_faces, [3, 20], listed_identities=True)
    again = more_faces(tiny_faces, [0, 1])
    sets = (tiny_faces, folders, listed, again)
    joint = joint_identities(sets, [np.arange(len(each)) for each in sets])
    assert joint[:96].tolist() == tiny_faces.identities.tolist()
    assert joint[96:].tolist() == [21, 21, 22, -1, 3, 20, 23, 24]


def test_more_images_follow_with_unknown_attributes(tiny_faces: Faces) -> None:
    more = [more_faces(tiny_faces, [0, 0, 1, 1])]
    alone = load_samples(tiny_faces, "train", PreprocessSpec(size=32), CPU)
    samples = load_samples(tiny_faces, "train", PreprocessSpec(size=32), CPU, more=more)
    assert len(samples) == len(alone) + 4
    assert (samples.attributes[-4:] == 255).all()
    assert samples.classes[-4:].tolist() == [10, 10, 11, 11]
    assert samples.class_count == alone.class_count + 2


def test_folders_that_add_nothing_or_what_is_held_out_are_refused(
    tiny_faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(more: Faces) -> None:
        monkeypatch.setattr(Faces, "open", lambda path: dataclasses.replace(more, path=Path(path)))

    opening(more_faces(tiny_faces, [3, 11], listed_identities=True))  # 11 is a validation identity
    with pytest.raises(InputError, match=r"1 people whom .* holds out for validation or test, first identity 11"):
        open_more(tiny_faces, [Path("more")])
    opening(more_faces(tiny_faces, [3, 11]))  # other people with the same numbers
    assert len(open_more(tiny_faces, [Path("more")])) == 1
    with pytest.raises(InputError, match="given twice"):
        open_more(tiny_faces, [Path("more"), Path("more")])
    opening(dataclasses.replace(more_faces(tiny_faces, [3]), partition=np.ones(1, np.uint8)))
    with pytest.raises(InputError, match="no training images to add"):
        open_more(tiny_faces, [Path("more")])
    opening(dataclasses.replace(more_faces(tiny_faces, [3]), attribute_names=("other",)))
    with pytest.raises(InputError, match="other attributes"):
        open_more(tiny_faces, [Path("more")])

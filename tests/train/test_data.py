"""Training data: patches, classes, batches, and the views that a teacher labels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_synthetic_celeba
from facedge.errors import RunError
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.augment import centre_crop
from facedge.train.data import (
    MARGIN,
    Samples,
    ViewParameters,
    batches,
    classes_of,
    crop_patches,
    load_samples,
    render,
    teacher_views,
    with_views,
)  # fmt: skip
from facedge.train.teacher import Teacher, TeacherInput, sampling_grid
from facedge.types import Float32Array

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


def test_processes_share_each_batch() -> None:
    alone = list(batches(20, 6, torch.Generator().manual_seed(5)))
    shares = [list(batches(20, 6, torch.Generator().manual_seed(5), rank, 2)) for rank in (0, 1)]
    assert [len(rows) for rows in alone] == [6, 6, 6]
    for whole, first, second in zip(alone, *shares, strict=True):
        assert set(whole.tolist()) == set(first.tolist()) | set(second.tolist())


def test_fewer_images_than_a_batch_still_train() -> None:
    assert [len(rows) for rows in batches(5, 64, torch.Generator().manual_seed(0))] == [5]


def test_samples_count_classes() -> None:
    empty = torch.zeros(3, dtype=torch.int64)
    assert Samples(torch.zeros(3, 8, 8), torch.zeros(3, 1), empty - 1, None).class_count == 0


SPEC = PreprocessSpec(size=32)


class MeanColour(Teacher):
    """A teacher whose embedding is the mean of each channel of its input."""

    def __init__(self) -> None:
        self.convention = TeacherInput(size=16, mean=0.0, scale=1.0)
        self.identity = "mean colour"
        self._grid = torch.from_numpy(sampling_grid(16))[None]

    def infer(self, x: Float32Array) -> Float32Array:
        return np.asarray(x.mean((2, 3)))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    folder = tmp_path_factory.mktemp("views")
    write_synthetic_celeba(folder / "celeba", identities=8, images_per_identity=2)
    return Faces.open(prepare_faces(folder / "celeba", folder / "faces", workers=1).faces.path)


def identity_parameters(count: int) -> ViewParameters:
    """Every view is its own image, untouched."""
    one = np.ones(count, np.float32)
    straight = np.tile(np.array([[1, 0, 0], [0, 1, 0]], np.float32), (count, 1, 1))
    return ViewParameters(np.arange(count), one, straight, one, np.ones((count, 3), np.float32))


def test_parameters_that_change_nothing_give_the_image_itself(faces: Faces) -> None:
    rows = faces.indices("train")
    view = render(faces, rows, identity_parameters(len(rows)), 0)
    assert view.shape == (218, 178, 3)
    source = faces.load_source(int(rows[0]))
    if source.shape == view.shape:
        np.testing.assert_allclose(view.astype(int), source.astype(int), atol=1)


def test_an_even_blend_lies_between_its_two_images(faces: Faces) -> None:
    rows = faces.indices("train")
    plain = identity_parameters(len(rows))
    halves = dataclasses.replace(plain, share=np.full(len(rows), 0.5, np.float32), partner=np.roll(plain.partner, 1))
    blend = render(faces, rows, halves, 0).astype(float)
    both = render(faces, rows, plain, 0).astype(float), render(faces, rows, plain, len(rows) - 1).astype(float)
    np.testing.assert_allclose(blend, (both[0] + both[1]) / 2, atol=1.01)


def test_a_turn_keeps_the_eyes_as_far_apart_as_they_were() -> None:
    """Zoom aside, pixels turn and do not shear: the columns of theta, in pixels, stay perpendicular without aspect."""
    drawn = ViewParameters.draw(500, 3)
    pixels = drawn.theta[:, :, :2] * np.array([178 / 178, 218 / 178])[None, :, None] / np.array([1, 218 / 178])
    across, down = np.linalg.norm(pixels[:, :, 0], axis=1), np.linalg.norm(pixels[:, :, 1], axis=1)
    cosine = (pixels[:, :, 0] * pixels[:, :, 1]).sum(1) / across / down
    assert abs(cosine).max() < 0.03  # aspect shears a turned face by a little
    assert 0.85 < (across / down).min() < (across / down).max() < 1.15


def test_views_carry_the_teacher_s_embedding_of_that_very_image(faces: Faces) -> None:
    rows = faces.indices("train")
    views = teacher_views(MeanColour(), faces, rows, SPEC, 1)
    drawn = ViewParameters.draw(len(rows), 7919 + 1)
    teacher = MeanColour()
    for k in (0, len(rows) - 1):
        np.testing.assert_array_equal(views.teacher[k], teacher.embed(teacher.prepare(render(faces, rows, drawn, k))))
    assert views.patches.shape == (len(rows), *crop_patches(faces.images, rows[:1], SPEC).shape[1:])
    single = drawn.share == 1
    np.testing.assert_array_equal(views.attributes[single], faces.attributes[rows][single])
    assert ((views.attributes >= 0) & (views.attributes <= 1)).all()


def test_views_are_computed_once_and_differ_by_number(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, teacher = faces.indices("validation"), MeanColour()
    first, other = (teacher_views(teacher, faces, rows, SPEC, number) for number in (1, 2))
    assert (first.patches != other.patches).any()
    monkeypatch.setattr(teacher, "embed", lambda _: pytest.fail("the cache was not used"))
    again = teacher_views(teacher, faces, rows, SPEC, 1, threads=2)
    np.testing.assert_array_equal(first.patches, again.patches)
    np.testing.assert_allclose(first.attributes, again.attributes, atol=1e-3)
    assert not list(Path(faces.path).glob("*.tmp"))


def test_samples_with_views_keep_identities_to_the_originals(faces: Faces) -> None:
    rows, teacher = faces.indices("train"), MeanColour()
    taught = np.stack([teacher.embed(teacher.prepare(faces.load_source(int(row)))) for row in rows])
    samples = load_samples(faces, "train", SPEC, torch.device("cpu"), teacher=taught)
    both = with_views(samples, [teacher_views(teacher, faces, rows, SPEC, 1)])
    assert len(both) == 2 * len(samples) == len(both.attributes) == len(both.classes)
    assert both.teacher is not None and len(both.teacher) == len(both)
    assert both.class_count == samples.class_count
    assert (both.classes[len(samples) :] == -1).all()
    assert with_views(samples, []) is samples

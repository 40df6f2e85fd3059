"""The views that the teachers embed, and what several teachers give together."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from facedge.dataset.prepare import prepare_faces
from facedge.dataset.prepared import Faces
from facedge.demo.synthetic_dataset import write_synthetic_celeba
from facedge.preprocessing import PreprocessSpec
from facedge.train.data import crop_patches, load_samples
from facedge.train.teacher import Teacher, TeacherInput, sampling_grid
from facedge.train.views import ViewParameters, blend_labels, join, render, teach, teacher_views, with_views
from facedge.types import Float32Array

SPEC = PreprocessSpec(size=32)


class MeanColour(Teacher):
    """A teacher whose embedding is the mean of each channel of its input."""

    def __init__(self) -> None:
        self.convention = TeacherInput(size=16, mean=0.0, scale=1.0)
        self.identity = "mean colour"
        self.batch = 3
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
        np.testing.assert_array_equal(
            views.teacher[k], teacher.embed(teacher.prepare(render(faces, rows, drawn, k))[None])[0]
        )
    assert views.patches.shape == (len(rows), *crop_patches(faces.images, rows[:1], SPEC).shape[1:])
    single = drawn.share == 1
    np.testing.assert_array_equal(views.attributes[single], faces.attributes[rows][single])
    assert ((views.attributes >= 0) & (views.attributes <= 1)).all()


def test_views_are_computed_once_and_differ_by_number(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, teacher = faces.indices("train"), MeanColour()
    first, other = (teacher_views(teacher, faces, rows, SPEC, number) for number in (1, 2))
    assert (first.patches != other.patches).any()
    monkeypatch.setattr(teacher, "embed", lambda _: pytest.fail("the cache was not used"))
    again = teacher_views(teacher, faces, rows, SPEC, 1, threads=2)
    np.testing.assert_array_equal(first.patches, again.patches)
    np.testing.assert_array_equal(first.attributes, again.attributes)
    assert ((first.attributes % 1) != 0).any()  # blended
    assert not list(Path(faces.path).glob("*.tmp"))


def test_samples_with_views_keep_identities_to_the_originals(faces: Faces) -> None:
    rows, teacher = faces.indices("train"), MeanColour()
    taught = np.stack([teacher.embed(teacher.prepare(faces.load_source(int(row)))[None])[0] for row in rows])
    samples = load_samples(faces, "train", SPEC, torch.device("cpu"), teacher=taught)
    both = with_views(samples, [teacher_views(teacher, faces, rows, SPEC, 1)])
    assert len(both) == 2 * len(samples) == len(both.attributes) == len(both.classes)
    assert both.teacher is not None and len(both.teacher) == len(both)
    assert both.class_count == samples.class_count
    assert (both.classes[len(samples) :] == -1).all()
    assert with_views(samples, []) is samples


def test_a_blend_of_unknown_attributes_has_unknown_ones() -> None:
    one, half = np.ones(3, np.float32), np.array([1, 0.5, 0.5], np.float32)
    theta, gain = np.zeros((3, 2, 3), np.float32), np.ones((3, 3), np.float32)
    drawn = ViewParameters(np.array([2, 1, 2]), half, theta, one, gain)
    labels = torch.tensor([[1, 0], [0, 1], [255, 255]], dtype=torch.uint8)
    assert blend_labels(labels, drawn).tolist() == [[1, 0], [0, 1], [255, 255]]
    drawn = dataclasses.replace(drawn, partner=np.array([2, 0, 0]))
    assert blend_labels(labels, drawn).tolist() == [[1, 0], [0.5, 0.5], [255, 255]]


def test_the_cosine_of_joined_embeddings_is_the_mean_of_the_teachers() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(5, size)).astype(np.float32) for size in (4, 7)]
    parts = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
    joined = join(parts)
    np.testing.assert_allclose(joined @ joined.T, (parts[0] @ parts[0].T + parts[1] @ parts[1].T) / 2, atol=1e-6)


def test_teachers_embed_every_folder_and_its_views(faces: Faces) -> None:
    rows = faces.indices("train")
    taught = teach([MeanColour(), MeanColour()], [faces, faces], SPEC, views=2)
    assert taught.embeddings is not None
    assert taught.embeddings.shape == (2 * len(rows), 6)
    np.testing.assert_allclose(np.linalg.norm(taught.embeddings, axis=1), 1, rtol=1e-5)
    assert [len(view.patches) for view in taught.views] == [2 * len(rows)] * 2
    assert taught.views[0].teacher.shape == (2 * len(rows), 6)
    assert teach([], [faces], SPEC).embeddings is None

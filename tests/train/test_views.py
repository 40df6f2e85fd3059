"""Views: the same for the same seed, what the teacher saw, labels of both people, computed once."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from facedge.dataset.faces import Faces
from facedge.dataset.prepare import prepare_faces
from facedge.dataset.synthetic import write_synthetic_celeba
from facedge.preprocessing import PreprocessSpec
from facedge.train.samples import load_samples, patches, with_views
from facedge.train.teacher import Teacher, TeacherInput
from facedge.train.views import Recipes, render, teacher_views

SPEC = PreprocessSpec(size=32)


class MeanColour(Teacher):
    """Answers with the mean of each channel of what it sees."""

    def __init__(self) -> None:
        self.convention = TeacherInput(size=16, mean=0.0, scale=1.0)
        self.identity = "mean colour"
        from facedge.train.teacher import _grid

        self._grid = torch.from_numpy(_grid(16))[None]
        self._run = lambda x: x.mean((2, 3))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    folder = tmp_path_factory.mktemp("views")
    write_synthetic_celeba(folder / "celeba", identities=8, images_per_identity=2)
    return Faces.open(prepare_faces(folder / "celeba", folder / "faces", workers=1).faces.path)


def plain_recipe(count: int) -> Recipes:
    """Every view is its own image, untouched."""
    one = np.ones(count, np.float32)
    straight = np.tile(np.array([[1, 0, 0], [0, 1, 0]], np.float32), (count, 1, 1))
    return Recipes(np.arange(count), one, straight, one, np.ones((count, 3), np.float32))


def test_a_recipe_that_changes_nothing_gives_the_image_itself(faces: Faces) -> None:
    rows = faces.indices("train")
    view = render(faces, rows, plain_recipe(len(rows)), 0)
    assert view.shape == (218, 178, 3)
    source = faces.load_source(int(rows[0]))
    if source.shape == view.shape:
        np.testing.assert_allclose(view.astype(int), source.astype(int), atol=1)


def test_half_a_blend_lies_between_its_two_people(faces: Faces) -> None:
    rows = faces.indices("train")
    plain = plain_recipe(len(rows))
    halves = dataclasses.replace(plain, share=np.full(len(rows), 0.5, np.float32), partner=np.roll(plain.partner, 1))
    blend = render(faces, rows, halves, 0).astype(float)
    both = render(faces, rows, plain, 0).astype(float), render(faces, rows, plain, len(rows) - 1).astype(float)
    np.testing.assert_allclose(blend, (both[0] + both[1]) / 2, atol=1.01)


def test_a_turn_keeps_the_eyes_as_far_apart_as_they_were() -> None:
    """Zoom aside, pixels turn and do not shear: the columns of theta, in pixels, stay perpendicular without aspect."""
    recipes = Recipes.draw(500, 3)
    pixels = recipes.theta[:, :, :2] * np.array([178 / 178, 218 / 178])[None, :, None] / np.array([1, 218 / 178])
    across, down = np.linalg.norm(pixels[:, :, 0], axis=1), np.linalg.norm(pixels[:, :, 1], axis=1)
    cosine = (pixels[:, :, 0] * pixels[:, :, 1]).sum(1) / across / down
    assert abs(cosine).max() < 0.03  # aspect shears a turned face by a little
    assert 0.85 < (across / down).min() < (across / down).max() < 1.15


def test_views_carry_what_the_teacher_says_of_that_very_picture(faces: Faces) -> None:
    rows = faces.indices("train")
    views = teacher_views(MeanColour(), faces, rows, SPEC, 1)
    recipes = Recipes.draw(len(rows), 7919 + 1)
    teacher = MeanColour()
    for k in (0, len(rows) - 1):
        np.testing.assert_array_equal(views.teacher[k], teacher.embed(teacher.see(render(faces, rows, recipes, k))))
    assert views.patches.shape == (len(rows), *patches(faces.images, rows[:1], SPEC).shape[1:])
    single = recipes.share == 1
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
    taught = np.stack([teacher.embed(teacher.see(faces.load_source(int(row)))) for row in rows])
    samples = load_samples(faces, "train", SPEC, torch.device("cpu"), teacher=taught)
    both = with_views(samples, [teacher_views(teacher, faces, rows, SPEC, 1)])
    assert len(both) == 2 * len(samples) == len(both.attributes) == len(both.classes)
    assert both.teacher is not None and len(both.teacher) == len(both)
    assert both.class_count == samples.class_count
    assert (both.classes[len(samples) :] == -1).all()
    assert with_views(samples, []) is samples

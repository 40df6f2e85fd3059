"""Views drawn anew: the same as those rendered from the frames, one replaced with each epoch."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_recogniser import SIZE, write_recogniser
from torch import Tensor
from torch.nn.functional import normalize

from facedge.dataset.prepared import Faces
from facedge.errors import RunError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, PreprocessSpec, resize_grey
from facedge.train.data import Samples, crop_patches, load_samples
from facedge.train.device_teacher import DeviceTeacher, PatchFrame
from facedge.train.fresh_views import FreshViews, render_patches
from facedge.train.onnx_module import OPERATORS
from facedge.train.teacher import Teacher, TeacherInput
from facedge.train.teacher_targets import Targets
from facedge.train.views import ViewParameters, render
from facedge.types import Float32Array

CPU = torch.device("cpu")
SPEC = PreprocessSpec()
INPUT = TeacherInput(size=SIZE)


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recogniser(tmp_path_factory.mktemp("recogniser") / "teacher.onnx")


@pytest.fixture(scope="module")
def smooth(tmp_path_factory: pytest.TempPathFactory) -> Faces:
    """Frames of low frequencies: resampling them twice changes them little."""
    coarse = np.random.default_rng(1).integers(30, 220, (12, 11, 9), np.uint8)
    return Faces(
        path=Path(tmp_path_factory.mktemp("smooth")),
        images=resize_grey(coarse, (FRAME_HEIGHT, FRAME_WIDTH)),
        attributes=np.tile(np.array([[0, 1]], np.uint8), (12, 1)),
        identities=np.arange(12, dtype=np.int32) // 2,
        partition=np.zeros(12, np.uint8),
        names=np.array([f"{n}.jpg" for n in range(12)]),
        attribute_names=("a", "b"),
        info={"name": "smooth", "licence": "none needed", "partition": "none"},
    )


def patches_of(faces: Faces) -> Tensor:
    return torch.from_numpy(crop_patches(np.asarray(faces.images), np.arange(len(faces.images)), SPEC))


def device_teacher(path: Path, faces: Faces, convention: TeacherInput = INPUT) -> DeviceTeacher:
    return DeviceTeacher(path, convention, SPEC, CPU, patches_of(faces)[:2])


def samples_of(faces: Faces, taught: Float32Array) -> Samples:
    return load_samples(faces, "train", SPEC, CPU, teacher=taught)


def test_a_view_of_patches_is_the_patch_of_the_view(smooth: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = ViewParameters.draw(12, 5)
    drawn = dataclasses.replace(drawn, gain=np.repeat(drawn.gain[:, :1], 3, axis=1))  # grey frames, one channel
    frames = np.asarray(smooth.images)
    colour = {k: np.repeat(frames[k][..., None], 3, axis=2) for k in range(12)}
    monkeypatch.setattr(Faces, "load_source", lambda _, row: colour[row])
    rendered = np.stack([render(smooth, np.arange(12), drawn, k)[..., 0] for k in range(12)])
    expected = crop_patches(rendered, np.arange(12), SPEC)
    patches = torch.from_numpy(crop_patches(frames, np.arange(12), SPEC))
    found = render_patches(patches, drawn, PatchFrame.of(SPEC)).numpy()
    inside = slice(12, -12)  # a patch repeats its border, where the frame goes on
    difference = abs(found[:, inside, inside].astype(int) - expected[:, inside, inside])
    assert difference.mean() < 1 and difference.max() < 12


def test_a_teacher_on_the_device_sees_the_crop_that_it_sees_of_the_frame(smooth: Faces, recogniser: Path) -> None:
    frames = np.asarray(smooth.images)
    usual, here = Teacher(recogniser, INPUT), device_teacher(recogniser, smooth)
    expected = usual.embed(np.stack([usual.prepare(np.repeat(frame[..., None], 3, axis=2)) for frame in frames]))
    found = here.embed(torch.from_numpy(crop_patches(frames, np.arange(12), SPEC))).numpy()
    assert (found * expected).sum(axis=1).min() > 0.999


def test_each_epoch_replaces_one_view(smooth: Faces, recogniser: Path) -> None:
    teacher = device_teacher(recogniser, smooth)
    patches = torch.from_numpy(crop_patches(np.asarray(smooth.images), np.arange(12), SPEC))
    embedded = teacher.embed(patches).numpy()
    targets = Targets.of(embedded, 8)
    views = FreshViews(samples_of(smooth, targets(embedded)), [teacher], targets, SPEC, 2)
    views.draw(0)
    samples = views.samples
    assert len(samples) == 36 and samples.class_count == 6
    assert (samples.classes[12:] == -1).all()
    assert torch.equal(samples.patches[:12], patches)
    first = samples.patches.clone()
    views.draw(1)
    changed = [not torch.equal(first[k : k + 12], samples.patches[k : k + 12]) for k in (0, 12, 24)]
    assert changed.count(True) == 1 and not changed[0]

    again = FreshViews(samples_of(smooth, targets(embedded)), [teacher], targets, SPEC, 2)
    again.draw(1)  # as a run that is resumed there
    assert torch.equal(again.samples.patches, samples.patches)
    assert samples.teacher is not None and again.samples.teacher is not None
    assert torch.equal(again.samples.teacher, samples.teacher)
    expected = normalize(torch.from_numpy(targets(teacher.embed(samples.patches[12:]).numpy())))
    assert torch.allclose(samples.teacher[12:], expected, atol=1e-5)


def test_asked_to_stop_it_draws_no_further_view(smooth: Faces, recogniser: Path) -> None:
    teacher = device_teacher(recogniser, smooth)
    embedded = teacher.embed(patches_of(smooth)).numpy()
    targets = Targets.of(embedded, 8)
    views = FreshViews(samples_of(smooth, targets(embedded)), [teacher], targets, SPEC, 2)
    answers = iter([False, True])
    views.draw(0, lambda: next(answers))
    images = views.samples.patches
    changed = [not torch.equal(images[:12], images[start : start + 12]) for start in (12, 24)]
    assert changed.count(True) == 1


def test_an_embedding_that_is_no_number_is_refused(smooth: Faces, recogniser: Path) -> None:
    with pytest.raises(RunError, match=r"teacher\.onnx gives an embedding that is no number"):
        device_teacher(recogniser, smooth, dataclasses.replace(INPUT, scale=1e-38))


def test_a_teacher_that_is_no_recogniser_is_refused(smooth: Faces, tmp_path: Path) -> None:
    (tmp_path / "t.onnx").write_bytes(json.dumps({}).encode())
    with pytest.raises(RunError, match=r"t\.onnx"):
        device_teacher(tmp_path / "t.onnx", smooth)


def test_a_graph_that_torch_computes_otherwise_is_refused(
    smooth: Faces, recogniser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATORS, "Relu", lambda t, _: -t[0])
    with pytest.raises(
        RunError, match="gives other embeddings on the training device than in onnxruntime: take --teac"
    ):
        device_teacher(recogniser, smooth)
    monkeypatch.setitem(OPERATORS, "Relu", lambda t, _: t[5])
    with pytest.raises(RunError, match=r"cannot be computed on the training device \(list index out of range\): take"):
        device_teacher(recogniser, smooth)

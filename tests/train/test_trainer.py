"""The trainer: it learns, resumes to the same result, and handles interruptions and failures."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from facedge.dataset.prepared import Faces
from facedge.errors import RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train.architectures import build
from facedge.train.config import BackboneConfig, DataCard, Recipe, recipe_of
from facedge.train.data import load_samples
from facedge.train.run_folder import draw_curves, embed_faces, epochs_left, load_backbone, read_metrics, write_config
from facedge.train.trainer import MovingAverage, Tick, Trainer, learning_rate
from facedge.train.validation import Scores

CPU = torch.device("cpu")


def config(epochs: int, arch: str = "edge", **changes: object) -> BackboneConfig:
    recipe = dataclasses.replace(recipe_of(arch, taught=False), epochs=epochs, batch=20, ema=0.5, **changes)  # type: ignore[arg-type]
    return BackboneConfig(
        arch=arch,
        spec=PreprocessSpec(size=32),
        embedding_size=64 if arch == "plain" else 128,
        attribute_names=("a", "b", "c", "d"),
        data=DataCard("tiny", "none needed", "by identity", 60, 10),
        recipe=recipe,
        seed=3,
    )


def train(run: Path, faces: Faces, wanted: BackboneConfig, resume: bool = False, **options: object) -> Scores:
    run.mkdir(exist_ok=True)
    write_config(run, wanted)
    training = load_samples(faces, "train", wanted.spec, CPU)
    validation = load_samples(faces, "validation", wanted.spec, CPU)
    trainer = Trainer(run, wanted, training, validation, device=CPU, **options)  # type: ignore[arg-type]
    return trainer.train(resume=resume)


@pytest.mark.parametrize("arch", ["edge", "plain"])
def test_it_learns_visible_attributes(arch: str, tiny_faces: Faces, tmp_path: Path) -> None:
    scores = train(tmp_path / "run", tiny_faces, config(12, arch))
    assert scores.attribute_accuracy > 0.7  # a guess is right half the time
    records = read_metrics(tmp_path / "run")
    assert records[-1]["losses"]["total"] < records[0]["losses"]["total"]
    assert {"epoch", "losses", "attribute_accuracy", "images_per_second"} <= records[0].keys()


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tiny_faces: Faces, tmp_path: Path) -> None:
    wanted = config(3)
    train(tmp_path / "whole", tiny_faces, wanted)

    def stop_in_the_second_epoch(tick: Tick) -> None:
        if (tick.epoch, tick.step) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", tiny_faces, wanted, tick=stop_in_the_second_epoch)
    assert epochs_left(tmp_path / "cut") == 2
    train(tmp_path / "cut", tiny_faces, wanted, resume=True)
    assert epochs_left(tmp_path / "cut") == 0

    whole, cut = (load_backbone(tmp_path / name)[0].state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    strip = [
        {k: v for k, v in r.items() if k not in ("seconds", "images_per_second")}
        for r in read_metrics(tmp_path / "cut")
    ]
    assert [r["epoch"] for r in strip] == [1, 2, 3]


def test_interrupted_in_its_first_epoch_a_run_is_usable(tiny_faces: Faces, tmp_path: Path) -> None:
    def stop_immediately(_tick: Tick) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", tiny_faces, config(2), tick=stop_immediately)
    embeddings, probabilities = embed_faces(tmp_path / "run", tiny_faces.images[:7])
    assert embeddings.shape == (7, 128)
    assert probabilities.shape == (7, 4)


def test_out_of_memory_halves_the_batch_and_goes_on(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, said = Trainer.train_epoch, []

    def scarce(trainer: Trainer) -> object:
        if trainer.progress.batch > 32:
            raise torch.cuda.OutOfMemoryError("simulated")
        return real(trainer)

    monkeypatch.setattr(Trainer, "train_epoch", scarce)
    wanted = config(1)
    wanted = dataclasses.replace(wanted, recipe=dataclasses.replace(wanted.recipe, batch=64))
    train(tmp_path / "run", tiny_faces, wanted, say=said.append)
    assert any("going on with a batch of 32 instead of 64" in line for line in said)
    assert read_metrics(tmp_path / "run")[0]["batch"] == 32


def test_no_memory_for_the_smallest_batch_is_an_error(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_trainer: Trainer) -> object:
        raise torch.cuda.OutOfMemoryError("simulated")

    monkeypatch.setattr(Trainer, "train_epoch", never)
    with pytest.raises(RunError, match="out of device memory with a batch of 20"):
        train(tmp_path / "run", tiny_faces, config(1))


def test_a_loss_that_is_not_finite_stops_the_run(tiny_faces: Faces, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="lower --learning-rate"):
        train(tmp_path / "run", tiny_faces, config(3, "plain", learning_rate=1e18))


def test_embeddings_approach_the_teacher_s(tiny_faces: Faces, tmp_path: Path) -> None:
    wanted = config(8, attribute_weight=0.0, identity_weight=0.0, teacher_weight=4.0)
    training = load_samples(tiny_faces, "train", wanted.spec, CPU)
    target = torch.nn.functional.normalize(torch.randn(60, 16, generator=torch.Generator().manual_seed(0)))
    target = target[training.classes]  # one direction for each identity
    training = dataclasses.replace(training, teacher=target)
    (tmp_path / "run").mkdir()
    validation = load_samples(tiny_faces, "validation", wanted.spec, CPU)
    Trainer(tmp_path / "run", wanted, training, validation, device=CPU).train()
    records = read_metrics(tmp_path / "run")
    assert records[-1]["losses"]["teacher"] < 0.7 * records[0]["losses"]["teacher"]


def test_curves_are_drawn(tiny_faces: Faces, tmp_path: Path) -> None:
    train(tmp_path / "run", tiny_faces, config(2))
    path = draw_curves(tmp_path / "run")
    assert path is not None
    assert path.read_bytes().startswith(b"\x89PNG")


def test_config_survives_a_round_trip_through_json() -> None:
    wanted = config(5)
    assert BackboneConfig.from_dict(json.loads(json.dumps(wanted.to_dict()))) == wanted


@pytest.mark.parametrize("damage", [b"", b"not safetensors"])
def test_damaged_weights_are_refused(damage: bytes, tmp_path: Path) -> None:
    write_config(tmp_path, config(1))
    (tmp_path / "weights.safetensors").write_bytes(damage)
    with pytest.raises(RunError, match="does not fit"):
        load_backbone(tmp_path)


def test_a_run_of_another_spec_is_refused(tmp_path: Path) -> None:
    record = config(1).to_dict()
    record["spec"]["size"] = "large"
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"config\.json"):
        load_backbone(tmp_path)


def test_the_moving_average_starts_close_to_the_weights() -> None:
    module = build("plain", 32, 4)
    average = MovingAverage(module, 0.999)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(1.0)
    for _ in range(30):
        average.update(module)
    for mine, theirs in zip(average.module.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=0.01, rtol=0)


def test_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.012
    assert rates.index(max(rates)) in (9, 10)

"""The trainer: it learns, resumes to the same result, and handles interruptions and failures."""

import dataclasses
import json
import os
import signal
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from facedge.dataset.prepared import Faces
from facedge.errors import RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train import trainer as trainer_module
from facedge.train.augment import Augment
from facedge.train.config import BackboneConfig, DataCard, Recipe, recipe_of
from facedge.train.data import Samples, load_samples
from facedge.train.run_folder import (
    FITTED,
    amend_metrics,
    draw_curves,
    embed_faces,
    epochs_left,
    is_finished,
    load_backbone,
    read_metrics,
    write_config,
)
from facedge.train.trainer import Tick, Trainer
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
    assert scores_of(tmp_path / "cut") == scores_of(tmp_path / "whole")


def scores_of(run: Path) -> list[dict[str, Any]]:
    """The metrics without what the machine's speed makes of them."""
    timed = ("seconds", "images_per_second")
    return [{name: value for name, value in record.items() if name not in timed} for record in read_metrics(run)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_an_epoch_ends_the_step_and_the_run_goes_on_after_it(
    number: signal.Signals, tiny_faces: Faces, tmp_path: Path
) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:  # as a shell leaves SIGINT to its background jobs
        signal.signal(number, signal.default_int_handler)
    wanted = config(2)
    train(tmp_path / "whole", tiny_faces, wanted)
    steps: list[tuple[int, int]] = []

    def stop_after_the_first_step(tick: Tick) -> None:
        steps.append((tick.epoch, tick.step))
        if len(steps) == 1:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", tiny_faces, wanted, tick=stop_after_the_first_step)
    assert len(steps) == 2  # the step in work was finished
    embeddings, probabilities = embed_faces(tmp_path / "cut", tiny_faces.images[:7])  # usable at once
    assert (embeddings.shape, probabilities.shape) == ((7, 128), (7, 4))
    train(tmp_path / "cut", tiny_faces, wanted, resume=True, tick=lambda t: steps.append((t.epoch, t.step)))
    assert steps == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]

    whole, cut = (load_backbone(tmp_path / name)[0].state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    timed = ("seconds", "images_per_second")
    records = [
        [{k: v for k, v in r.items() if k not in timed} for r in read_metrics(tmp_path / n)] for n in ("whole", "cut")
    ]
    assert records[0] == records[1]


@pytest.mark.parametrize(("seconds", "expected"), [(1000.0, [1, 2, 3]), (0.0, [3])])
def test_killed_before_the_first_epoch_is_done_a_run_resumes_from_its_last_checkpoint(
    seconds: float, expected: list[int], tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is written before the first step, and then by the clock."""
    wanted = config(1)
    train(tmp_path / "whole", tiny_faces, wanted)

    def die(tick: Tick) -> None:
        assert (tmp_path / "cut" / "checkpoint.pt").exists()
        if tick.step == 3:
            raise SystemExit(137)

    monkeypatch.setattr(trainer_module, "CHECKPOINT_SECONDS", seconds)
    with pytest.raises(SystemExit):
        train(tmp_path / "cut", tiny_faces, wanted, tick=die)
    steps: list[int] = []
    train(tmp_path / "cut", tiny_faces, wanted, resume=True, tick=lambda t: steps.append(t.step))
    assert steps == expected
    whole, cut = (load_backbone(tmp_path / name)[0].state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_checkpoint_of_non_finite_weights_replaces_none(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(RunError, match="lower --learning-rate"):
        train(tmp_path / "run", tiny_faces, config(3, "plain", learning_rate=1e18))
    kept = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in kept["learner"].values())


def test_a_compiled_step_learns_the_same(tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module: compiled(module, backend="aot_eager", fullgraph=True))
    plain = train(tmp_path / "plain", tiny_faces, config(2))
    same = train(tmp_path / "compiled", tiny_faces, config(2), compiled=True)
    assert same.attribute_accuracy == pytest.approx(plain.attribute_accuracy, abs=0.02)
    losses = [read_metrics(tmp_path / name)[-1]["losses"]["total"] for name in ("plain", "compiled")]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_the_samples_are_renewed_before_each_epoch(tiny_faces: Faces, tmp_path: Path) -> None:
    epochs = list[int]()
    train(tmp_path / "run", tiny_faces, config(3), renew=lambda epoch, stop: epochs.append(epoch))
    assert epochs == [0, 1, 2]


def test_a_run_stopped_while_its_samples_are_renewed_resumes(tiny_faces: Faces, tmp_path: Path) -> None:
    def stop_at_the_second(epoch: int, stop: Callable[[], bool]) -> None:
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop()

    train(tmp_path / "whole", tiny_faces, config(2))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", tiny_faces, config(2), renew=stop_at_the_second)
    assert epochs_left(tmp_path / "cut") == 1
    train(tmp_path / "cut", tiny_faces, config(2), resume=True)
    assert scores_of(tmp_path / "cut") == scores_of(tmp_path / "whole")


def test_a_finished_run_trains_longer(tiny_faces: Faces, tmp_path: Path) -> None:
    train(tmp_path / "run", tiny_faces, config(2))
    assert is_finished(tmp_path / "run") is False  # its last layers are not fitted
    amend_metrics(tmp_path / "run", {FITTED: 0.5})
    assert is_finished(tmp_path / "run") is True
    train(tmp_path / "run", tiny_faces, config(4), resume=True)
    assert [record["epoch"] for record in read_metrics(tmp_path / "run")] == [1, 2, 3, 4]
    assert [record["samples"] for record in read_metrics(tmp_path / "run")] == [60, 120, 180, 240]


def test_until_the_decay_a_run_does_not_depend_on_its_length(tiny_faces: Faces, tmp_path: Path) -> None:
    for epochs in (4, 5):
        train(tmp_path / str(epochs), tiny_faces, config(epochs, warmup=0.0))
    four, five = (read_metrics(tmp_path / name)[:3] for name in "45")
    assert [r["losses"] for r in four] == [r["losses"] for r in five]


def test_a_run_of_the_cosine_schedule_resumes(tiny_faces: Faces, tmp_path: Path) -> None:
    wanted = config(2, schedule="cosine")
    train(tmp_path / "run", tiny_faces, wanted)
    train(tmp_path / "run", tiny_faces, config(3, schedule="cosine"), resume=True)


@pytest.mark.parametrize(("strength", "most"), [(Augment(), 850), (Augment.cameras(), 1270)])
def test_a_step_waits_for_nothing_on_the_host(strength: Augment, most: int, tiny_faces: Faces, tmp_path: Path) -> None:
    """On a GPU each of these operators would wait until all work before it is done."""
    wanted = config(1, augment=strength)
    training = load_samples(tiny_faces, "train", wanted.spec, CPU)
    teacher = torch.nn.functional.normalize(torch.randn(60, 128))
    training = dataclasses.replace(training, teacher=teacher)
    trainer = Trainer(tmp_path, wanted, training, training, device=CPU)
    trainer.model.train()
    rows = torch.arange(20)
    trainer._step(rows, False)  # the optimiser makes its state in the first
    with CountedCalls() as calls:
        trainer._step(rows, False)
    assert calls.waits == []
    assert calls.number < most  # each is a launch on a GPU


class CountedCalls(TorchDispatchMode):
    """Counts operator calls, and lists those whose result the host needs."""

    def __init__(self) -> None:
        super().__init__()
        self.number, self.waits = 0, list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().removeprefix("aten::").split(".")[0]
        self.number += 1
        indices = args[1] if name in ("index", "index_put", "index_put_") else []
        masked = any(index is not None and index.dtype == torch.bool for index in indices)
        if name in ("_local_scalar_dense", "nonzero", "masked_select") or masked:
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


def scarce(most: int) -> Callable[[Trainer, torch.Tensor], dict[str, torch.Tensor]]:
    """A forward pass on a device whose memory takes `most` images."""
    real = Trainer._forward_and_backward

    def forward(trainer: Trainer, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        if len(rows) > most:
            raise torch.OutOfMemoryError("simulated")
        return real(trainer, rows)

    return forward


def test_out_of_memory_halves_the_batch_and_goes_on(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Trainer, "_forward_and_backward", scarce(32))
    wanted = config(1)
    wanted = dataclasses.replace(wanted, recipe=dataclasses.replace(wanted.recipe, batch=64))
    train(tmp_path / "run", tiny_faces, wanted, say=said.append)
    assert any("going on with a batch of 32 instead of 64" in line for line in said)
    assert read_metrics(tmp_path / "run")[0]["batch"] == 32


def test_out_of_memory_leaves_no_weight_changed_and_no_image_out(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the smaller batch had been asked for, where it happens in the first step."""
    wanted = config(1)
    recipe = dataclasses.replace(wanted.recipe, batch=16)
    train(tmp_path / "small", tiny_faces, dataclasses.replace(wanted, recipe=recipe))
    monkeypatch.setattr(Trainer, "_forward_and_backward", scarce(16))
    recipe = dataclasses.replace(recipe, batch=32)
    train(tmp_path / "halved", tiny_faces, dataclasses.replace(wanted, recipe=recipe))
    small, halved = (load_backbone(tmp_path / name)[0].state_dict() for name in ("small", "halved"))
    assert all(torch.equal(small[name], halved[name]) for name in small)


def test_the_failed_batch_is_free_before_the_next_is_tried(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Held:
        """Stands for the tensors of the failed batch."""

    held: list[weakref.ref[Held]] = []
    real, halve = Trainer._forward_and_backward, Trainer._halve_batch

    def fail_once(trainer: Trainer, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        batch = Held()
        if not held:
            held.append(weakref.ref(batch))
            raise torch.OutOfMemoryError("simulated")
        return real(trainer, rows)

    def check(trainer: Trainer) -> None:
        assert held[0]() is None
        assert all(parameter.grad is None for parameter in trainer.model.parameters())
        halve(trainer)

    monkeypatch.setattr(Trainer, "_forward_and_backward", fail_once)
    monkeypatch.setattr(Trainer, "_halve_batch", check)
    train(tmp_path / "run", tiny_faces, dataclasses.replace(config(1), recipe=Recipe(epochs=1, batch=32)))
    assert held


def test_no_memory_for_the_smallest_batch_is_an_error(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_forward_and_backward", scarce(0))
    with pytest.raises(RunError, match="out of device memory with a batch of 20"):
        train(tmp_path / "run", tiny_faces, config(1))


def test_a_loss_that_is_not_finite_stops_the_run(tiny_faces: Faces, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="lower --learning-rate"):
        train(tmp_path / "run", tiny_faces, config(3, "plain", learning_rate=1e18))


def test_embeddings_approach_the_teacher_s(tiny_faces: Faces, tmp_path: Path) -> None:
    wanted = config(10, attribute_weight=0.0, identity_weight=0.0, teacher_weight=4.0)
    (tmp_path / "run").mkdir()
    Trainer(tmp_path / "run", wanted, *taught(tiny_faces, wanted), device=CPU).train()
    records = read_metrics(tmp_path / "run")
    assert records[-1]["losses"]["teacher"] < 0.7 * records[0]["losses"]["teacher"]


def taught(faces: Faces, wanted: BackboneConfig) -> tuple[Samples, Samples]:
    """Training samples whose targets are one direction for each identity, and validation samples."""
    training = load_samples(faces, "train", wanted.spec, CPU)
    target = torch.nn.functional.normalize(torch.randn(60, 128, generator=torch.Generator().manual_seed(0)))
    validation = load_samples(faces, "validation", wanted.spec, CPU)
    return dataclasses.replace(training, teacher=target[training.classes]), validation


def test_a_run_that_begins_from_another_begins_with_a_fitted_embedding_layer(tiny_faces: Faces, tmp_path: Path) -> None:
    train(tmp_path / "first", tiny_faces, config(1))
    wanted, lines = config(1, attribute_weight=0.0, identity_weight=0.0, teacher_weight=4.0), list[str]()
    Trainer(
        tmp_path / "next", wanted, *taught(tiny_faces, wanted), device=CPU, begin_from=tmp_path / "first",
        say=lines.append,
    )  # fmt: skip
    assert "initial embedding fitted to the teacher" in lines[0]


def test_curves_are_drawn(tiny_faces: Faces, tmp_path: Path) -> None:
    train(tmp_path / "run", tiny_faces, config(2))
    path = draw_curves(tmp_path / "run")
    assert path is not None
    assert path.read_bytes().startswith(b"\x89PNG")


def test_config_survives_a_round_trip_through_json() -> None:
    wanted = config(5)
    assert BackboneConfig.from_dict(json.loads(json.dumps(wanted.to_dict()))) == wanted


@pytest.mark.parametrize(
    ("changes", "trained"),
    [({}, False), ({"arch": "plain"}, True), ({"teachers": ("t",)}, True), ({"began_from": "0"}, False)],
)
def test_without_identities_only_some_runs_have_a_trained_embedding(changes: dict[str, Any], trained: bool) -> None:
    nameless = dataclasses.replace(config(5), data=DataCard("tiny", "none needed", "by image", 60, 0))
    assert dataclasses.replace(nameless, **changes).embedding_is_trained == trained
    assert config(5).embedding_is_trained


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

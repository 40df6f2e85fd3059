"""The training loop: it learns, it resumes to the same result, it survives what goes wrong."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from facedge.dataset.faces import Faces
from facedge.errors import RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train import backbone as loop
from facedge.train.architectures import build
from facedge.train.config import BackboneConfig, DataCard, Recipe, recipe_of
from facedge.train.curves import draw_curves
from facedge.train.run import embed_faces, load_backbone, read_metrics, write_config
from facedge.train.samples import Samples, load_samples
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


def train(run: Path, faces: Faces, wanted: BackboneConfig, **options: object) -> Scores:
    run.mkdir(exist_ok=True)
    write_config(run, wanted)
    training = load_samples(faces, "train", wanted.spec, CPU)
    validation = load_samples(faces, "validation", wanted.spec, CPU)
    return loop.train_backbone(run, wanted, training, validation, device=CPU, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ["edge", "plain"])
def test_it_learns_what_can_be_seen(arch: str, tiny_faces: Faces, tmp_path: Path) -> None:
    scores = train(tmp_path / "run", tiny_faces, config(12, arch))
    assert scores.attribute_accuracy > 0.7  # a guess is right half of the time
    records = read_metrics(tmp_path / "run")
    assert records[-1]["losses"]["total"] < records[0]["losses"]["total"]
    assert {"epoch", "losses", "attribute_accuracy", "images_per_second"} <= records[0].keys()


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tiny_faces: Faces, tmp_path: Path) -> None:
    wanted = config(3)
    train(tmp_path / "whole", tiny_faces, wanted)

    def stop_in_the_second_epoch(tick: loop.Tick) -> None:
        if (tick.epoch, tick.step) == (2, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", tiny_faces, wanted, tick=stop_in_the_second_epoch)
    train(tmp_path / "cut", tiny_faces, wanted, resume=True)

    whole, cut = (load_backbone(tmp_path / name)[0].state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    strip = [
        {k: v for k, v in r.items() if k not in ("seconds", "images_per_second")}
        for r in read_metrics(tmp_path / "cut")
    ]
    assert [r["epoch"] for r in strip] == [1, 2, 3]


def test_interrupted_in_its_first_epoch_a_run_is_usable(tiny_faces: Faces, tmp_path: Path) -> None:
    def stop_at_once(_tick: loop.Tick) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", tiny_faces, config(2), tick=stop_at_once)
    embeddings, probabilities = embed_faces(tmp_path / "run", tiny_faces.images[:7])
    assert embeddings.shape == (7, 128)
    assert probabilities.shape == (7, 4)


def test_out_of_memory_halves_the_batch_and_goes_on(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, said = loop._epoch, []

    def scarce(*args: object, **options: object) -> object:
        if args[5].batch > 32:  # type: ignore[attr-defined]
            raise torch.cuda.OutOfMemoryError("simulated")
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_epoch", scarce)
    wanted = config(1)
    wanted = dataclasses.replace(wanted, recipe=dataclasses.replace(wanted.recipe, batch=64))
    train(tmp_path / "run", tiny_faces, wanted, say=said.append)
    assert any("going on with a batch of 32 instead of 64" in line for line in said)
    assert read_metrics(tmp_path / "run")[0]["batch"] == 32


def test_no_memory_for_the_smallest_batch_is_an_error(
    tiny_faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object, **_options: object) -> object:
        raise torch.cuda.OutOfMemoryError("simulated")

    monkeypatch.setattr(loop, "_epoch", never)
    with pytest.raises(RunError, match="out of device memory with a batch of 20"):
        train(tmp_path / "run", tiny_faces, config(1))


def test_a_loss_that_is_no_number_stops_the_run(tiny_faces: Faces, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="lower --learning-rate"):
        train(tmp_path / "run", tiny_faces, config(3, "plain", learning_rate=1e18))


def test_the_teacher_is_followed(tiny_faces: Faces, tmp_path: Path) -> None:
    wanted = config(8, attribute_weight=0.0, identity_weight=0.0, teacher_weight=4.0)
    training = load_samples(tiny_faces, "train", wanted.spec, CPU)
    target = torch.nn.functional.normalize(torch.randn(60, 16, generator=torch.Generator().manual_seed(0)))
    target = target[training.classes]  # one direction an identity
    training = dataclasses.replace(training, teacher=target)
    (tmp_path / "run").mkdir()
    validation = load_samples(tiny_faces, "validation", wanted.spec, CPU)
    loop.train_backbone(tmp_path / "run", wanted, training, validation, device=CPU)
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


def test_a_line_of_metrics_cut_off_by_a_kill_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert read_metrics(tmp_path) == [{"epoch": 1}]
    (tmp_path / "metrics.jsonl").write_text('{"epo\n{"epoch": 2}\n')
    with pytest.raises(RunError, match="line 1"):
        read_metrics(tmp_path)


def test_the_moving_average_starts_close_to_the_weights() -> None:
    from facedge.train.schedule import MovingAverage

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
    from facedge.train.schedule import learning_rate

    recipe = Recipe(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.012
    assert rates.index(max(rates)) in (9, 10)


def test_samples_count_classes() -> None:
    empty = torch.zeros(3, dtype=torch.int64)
    assert Samples(torch.zeros(3, 8, 8), torch.zeros(3, 1), empty - 1, None).class_count == 0

"""Which backbone? Accuracy after equal training time against latency, for a handful of widths, depths and sizes.

    python benchmarks/architectures.py FACES --teacher T.onnx [--minutes M | --epochs N] [--peer R.onnx] [-o FOLDER]

All variants get the same images, recipe, seed, teacher and minutes of training (as many whole epochs as fit, from the
speed of the first steps), or with --epochs the same number of samples. TAR is of the validation people, with the mirror
image and without it (half the time). Latency is onnxruntime's at batch 1 and one thread, as shipped (a face and its
mirror image), in float32 and in int8, interleaved; ratios are to --peer in float32, such as a MobileFaceNet. A short
training orders architectures; it does not say how good each becomes, and minutes favour small ones, which see more
images.
"""

import argparse
import contextlib
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from facedge.dataset.prepared import Faces
from facedge.export.int8 import quantize
from facedge.export.onnx import backbone_onnx
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec, preprocess
from facedge.train.architectures import Edge, Mirrored
from facedge.train.config import EDGE_TAUGHT, BackboneConfig, DataCard
from facedge.train.data import Samples, load_samples
from facedge.train.run_folder import WEIGHTS
from facedge.train.teacher import Teacher, read_convention, teacher_embeddings
from facedge.train.teacher_targets import Targets
from facedge.train.trainer import Tick, Trainer
from facedge.train.validation import evaluate
from facedge.types import Float32Array

CPU = torch.device("cpu")
CALIBRATION = 128  # images for int8
ROUNDS = 60


@dataclass(frozen=True)
class Variant:
    """One point of the scatter."""

    name: str
    widths: tuple[int, ...] = Edge.widths
    depths: tuple[int, ...] = Edge.depths
    embedding: int = Edge.embedding_size
    size: int = 64

    @property
    def spec(self) -> PreprocessSpec:
        """The default crop of the face at its size."""
        return dataclasses.replace(PreprocessSpec(), size=self.size)

    def module(self, attributes: int) -> Edge:
        """The network, freshly initialised."""
        sizes = {"widths": self.widths, "depths": self.depths, "embedding_size": self.embedding}
        shape = type(self.name, (Edge,), sizes)
        return shape(self.size, attributes)  # type: ignore[no-any-return]


VARIANTS = (
    Variant("default"),
    Variant("half depth", depths=(1, 2, 3, 1)),
    Variant("half width", widths=(16, 32, 64, 88)),
    Variant("wide", widths=(48, 96, 176, 192), depths=(1, 2, 3, 1)),
    Variant("wide and deep", widths=(40, 80, 160, 192), depths=(1, 3, 4, 1)),
    Variant("embedding 64", embedding=64),
    Variant("embedding 256", embedding=256),
    Variant("size 80", size=80),
    Variant("size 96", size=96),
)
PROBE_STEPS = 12  # of which the last half is timed


def train(
    variant: Variant, faces: Faces, taught: Float32Array, minutes: float, epochs: int | None
) -> tuple[Edge, dict[str, float]]:
    """The trained network; its scores on the validation partition, and the images that it saw."""
    targets = Targets.of(taught, variant.embedding)(taught)
    training = load_samples(faces, "train", variant.spec, CPU, teacher=targets)
    validation = load_samples(faces, "validation", variant.spec, CPU)
    epochs = epochs or max(1, round(60 * minutes * images_a_second(variant, faces, training) / len(training)))
    with tempfile.TemporaryDirectory() as run:
        Trainer(
            Path(run), config_of(variant, faces, epochs), training, validation, device=CPU,
            backbone=(module := fresh(variant, faces)),
        ).train()  # fmt: skip
        module.load_state_dict(safetensors.torch.load_file(Path(run) / WEIGHTS))
    module.eval()
    mirrored, single = (evaluate(m, validation, variant.size) for m in (Mirrored(module), module))
    scores = {"attributes": mirrored.attribute_accuracy, "tar": mirrored.tar or 0.0, "tar_single": single.tar or 0.0}
    return module, {**scores, "epochs": epochs, "images": epochs * len(training)}


def images_a_second(variant: Variant, faces: Faces, training: Samples) -> float:
    """The speed of training, from its first steps."""
    ticks: list[float] = []

    def tick(_: Tick) -> None:
        ticks.append(time.perf_counter())
        if len(ticks) == PROBE_STEPS:
            raise KeyboardInterrupt

    config, module = config_of(variant, faces, 1), fresh(variant, faces)
    with tempfile.TemporaryDirectory() as run, contextlib.suppress(KeyboardInterrupt):
        Trainer(Path(run), config, training, training, device=CPU, backbone=module, tick=tick).train()
    half = len(ticks) // 2
    return (len(ticks) - half) * config.recipe.batch / (ticks[-1] - ticks[half - 1])


def fresh(variant: Variant, faces: Faces) -> Edge:
    """The network before training, the same at every call."""
    torch.manual_seed(0)
    return variant.module(len(faces.attribute_names))


def config_of(variant: Variant, faces: Faces, epochs: int) -> BackboneConfig:
    """The recipe of a run with a teacher, for so many epochs."""
    return BackboneConfig(
        arch="edge",
        spec=variant.spec,
        embedding_size=variant.embedding,
        attribute_names=tuple(faces.attribute_names),
        data=DataCard("", "", "", 0, 0),
        recipe=dataclasses.replace(EDGE_TAUGHT, epochs=epochs),
        seed=0,
        mirrored=True,
    )


def latencies(
    modules: Sequence[Edge], variants: Sequence[Variant], faces: Faces, peer: Path | None
) -> list[dict[str, float]]:
    """Milliseconds at batch 1 in float32 and int8, and with a peer both as ratios to it: medians, interleaved."""
    engines, images = [], []
    some = np.asarray(faces.images[faces.indices("train")[:CALIBRATION]])
    for module, variant in zip(modules, variants, strict=True):
        graph, pixels = backbone_onnx(Mirrored(module), variant.size), preprocess(some, variant.spec)
        engines += [open_session(variant.name, each) for each in (graph, quantize(graph, pixels))]
        images += [pixels[:1], pixels[:1]]
    if peer is not None:
        engines.append(open_session(peer.name, peer))
        images.append(np.zeros((1, *engines[-1].get_inputs()[0].shape[1:]), np.float32))
    seconds: list[list[float]] = [[] for _ in engines]
    for _ in range(ROUNDS):
        for engine, image, times in zip(engines, images, seconds, strict=True):
            start = time.perf_counter()
            engine.run(None, {engine.get_inputs()[0].name: image})
            times.append(time.perf_counter() - start)
    base = seconds[-1] if peer is not None else None
    found = []
    for number in range(len(modules)):
        row: dict[str, float] = {}
        for name, times in zip(("fp32", "int8"), seconds[2 * number : 2 * number + 2], strict=True):
            row[f"ms_{name}"] = 1e3 * statistics.median(times)
            if base is not None:
                row[f"ratio_{name}"] = statistics.median(t / b for t, b in zip(times, base, strict=True))
        found.append(row)
    return found


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The scatter and its Pareto line: nothing left of it is as good."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    best, line = -1.0, []
    for row in sorted(rows, key=lambda r: float(r["ms_int8"])):
        if row["tar"] > best:
            best = row["tar"]
            line.append(row)
    axis.plot([r["ms_int8"] for r in line], [r["tar"] for r in line], color="#888", linewidth=1, zorder=0)
    axis.scatter([r["ms_int8"] for r in rows], [r["tar"] for r in rows], color="#2364aa")
    for row in rows:
        place = (row["ms_int8"], row["tar"])
        axis.annotate(row["name"], place, textcoords="offset points", xytext=(6, -3), fontsize=8)
    axis.set_xscale("log")
    axis.set_xlabel("milliseconds of one inference, int8, one thread (log scale)")
    axis.set_ylabel("TAR at FAR 1e-3, validation people")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def table(rows: Sequence[dict[str, Any]], length: str) -> str:
    """Markdown, by the time of one inference; length: of the training."""
    lines = [
        f"| {length} of training each | images seen | M parameters | TAR at FAR 0.1 % "
        "| without mirror image | attributes | ms fp32 | ms int8 | of the peer, fp32 and int8 |",
        "| --- " * 9 + "|",
    ]
    for row in sorted(rows, key=lambda r: float(r["ms_int8"])):
        peer = f"{row['ratio_fp32']:.2f}, {row['ratio_int8']:.2f}" if "ratio_fp32" in row else "-"
        lines.append(
            f"| {row['name']} | {row['images']:,} | {row['parameters'] / 1e6:.2f} | {row['tar']:.3f} "
            f"| {row['tar_single']:.3f} | {100 * row['attributes']:.1f} % | {row['ms_fp32']:.2f} "
            f"| {row['ms_int8']:.2f} | {peer} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train, time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--teacher-input")
    parser.add_argument("--peer", type=Path, help="recogniser in ONNX whose time the ratios are to")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--epochs", type=int, help="in place of --minutes")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="variants, by name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    faces = Faces.open(asked.faces)
    teacher = Teacher(asked.teacher, read_convention(asked.teacher, asked.teacher_input))
    taught = teacher_embeddings(teacher, faces, faces.indices("train"), threads=asked.threads)
    modules, rows = [], []
    variants = [variant for variant in VARIANTS if not asked.only or variant.name in asked.only]
    for variant in variants:
        module, scores = train(variant, faces, taught, asked.minutes, asked.epochs)
        modules.append(module)
        parameters = sum(p.numel() for p in module.parameters())
        rows.append({**dataclasses.asdict(variant), **scores, "parameters": parameters})
        print(f"trained {variant.name}: TAR {scores['tar']:.3f}, attributes {scores['attributes']:.4f}", flush=True)
    for row, latency in zip(rows, latencies(modules, variants, faces, asked.peer), strict=True):
        row.update(latency)
    written = table(rows, f"{asked.epochs} epochs" if asked.epochs else f"{asked.minutes:g} minutes")
    print(f"\n{written}")
    if asked.output:
        asked.output.mkdir(parents=True, exist_ok=True)
        (asked.output / "architectures.json").write_text(json.dumps(rows, indent=1) + "\n")
        (asked.output / "architectures.md").write_text(
            "# Architectures\n\nWritten by `benchmarks/architectures.py`, which says what the columns are.\n\n"
            f"{written}\n"
        )
        draw(rows, asked.output / "architectures.png")


if __name__ == "__main__":
    main()

"""Which backbone? Accuracy after a short training against latency, for a handful of widths, depths, sizes and crops.

    python benchmarks/architectures.py FACES --teacher T.onnx [--epochs N] [--json FILE] [--plot FILE]

All variants get the same images, recipe, seed and teacher. Latency is onnxruntime's at batch 1 and one thread, as
shipped (a face and its mirror image), interleaved, the median of the rounds' ratios to the default. A short training
orders architectures; it does not say how good each becomes.
"""

import argparse
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
import torch

from facedge.dataset.prepared import Faces
from facedge.export.onnx import backbone_onnx
from facedge.onnx_session import open_session
from facedge.preprocessing import PreprocessSpec
from facedge.train.architectures import Edge, Mirrored
from facedge.train.config import EDGE_TAUGHT, BackboneConfig, DataCard
from facedge.train.data import load_samples
from facedge.train.teacher import Teacher, read_convention, teacher_embeddings
from facedge.train.teacher_targets import Targets
from facedge.train.trainer import Trainer

ROUNDS = 60


@dataclass(frozen=True)
class Variant:
    """One point of the scatter; crop is the side in pixels of the square around the face that is its input."""

    name: str
    widths: tuple[int, ...] = Edge.widths
    depths: tuple[int, ...] = Edge.depths
    size: int = 64
    crop: int = 128

    @property
    def spec(self) -> PreprocessSpec:
        """The default box, grown or shrunk about its middle, and kept inside the frame."""
        x, y = 88 - self.crop // 2, min(124 - self.crop // 2, 218 - self.crop)
        corners = (x * 256, y * 256, (x + self.crop) * 256, (y + self.crop) * 256)
        return dataclasses.replace(PreprocessSpec(), size=self.size, crop=corners)

    def module(self, attributes: int) -> Edge:
        """The network, freshly initialised."""
        shape = type(self.name, (Edge,), {"widths": self.widths, "depths": self.depths})
        return shape(self.size, attributes)  # type: ignore[no-any-return]


VARIANTS = (
    Variant("default"),
    Variant("half width", widths=(16, 32, 64, 88)),
    Variant("shallow", depths=(0, 0, 1, 0)),
    Variant("deep", depths=(2, 4, 6, 1)),
    Variant("wide", widths=(48, 96, 176, 192)),
    Variant("wide and deep", widths=(40, 80, 160, 192), depths=(1, 3, 4, 1)),
    Variant("size 48", size=48),
    Variant("size 80", size=80),
    Variant("size 96", size=96),
    Variant("crop 112", crop=112),
    Variant("crop 160", crop=160),
)


def train(variant: Variant, faces: Faces, teacher: np.ndarray[Any, Any], epochs: int) -> tuple[Edge, dict[str, float]]:
    """The trained network and its scores on the validation partition."""
    config = BackboneConfig(
        arch="edge",
        spec=variant.spec,
        embedding_size=Edge.embedding_size,
        attribute_names=tuple(faces.attribute_names),
        data=DataCard("", "", "", 0, 0),
        recipe=dataclasses.replace(EDGE_TAUGHT, epochs=epochs),
        seed=0,
        mirrored=True,
    )
    device = torch.device("cpu")
    training = load_samples(faces, "train", variant.spec, device, teacher=teacher)
    validation = load_samples(faces, "validation", variant.spec, device)
    torch.manual_seed(0)
    module = variant.module(len(faces.attribute_names))
    with tempfile.TemporaryDirectory() as run:
        scores = Trainer(Path(run), config, training, validation, device=device, backbone=module).train()
    return module, {"attributes": scores.attribute_accuracy, "tar": scores.tar or 0.0}


def latencies(modules: Sequence[Edge], variants: Sequence[Variant]) -> list[dict[str, float]]:
    """Milliseconds at batch 1, and the ratio to the first, interleaved."""
    engines = [open_session(v.name, backbone_onnx(Mirrored(m), v.size)) for m, v in zip(modules, variants, strict=True)]
    images = [np.zeros((1, 1, v.size, v.size), np.float32) for v in variants]
    seconds: list[list[float]] = [[] for _ in engines]
    for _ in range(ROUNDS):
        for engine, image, times in zip(engines, images, seconds, strict=True):
            start = time.perf_counter()
            engine.run(None, {"image": image})
            times.append(time.perf_counter() - start)
    ratio = [statistics.median(t / base for t, base in zip(times, seconds[0], strict=True)) for times in seconds]
    return [{"ms": 1e3 * statistics.median(times), "ratio": r} for times, r in zip(seconds, ratio, strict=True)]


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The scatter and its Pareto line: nothing left of it is as good."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    best, line = -1.0, []
    for row in sorted(rows, key=lambda r: float(r["ratio"])):
        if row["tar"] > best:
            best = row["tar"]
            line.append(row)
    axis.plot([r["ratio"] for r in line], [r["tar"] for r in line], color="#888", linewidth=1, zorder=0)
    axis.scatter([r["ratio"] for r in rows], [r["tar"] for r in rows], color="#2364aa")
    for row in rows:
        axis.annotate(row["name"], (row["ratio"], row["tar"]), textcoords="offset points", xytext=(6, -3), fontsize=8)
    axis.set_xscale("log")
    axis.set_xlabel("time of one inference, relative to the default (log scale)")
    axis.set_ylabel("TAR at FAR 1e-3, validation people")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Train, time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--teacher-input")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    faces = Faces.open(asked.faces)
    teacher = Teacher(asked.teacher, read_convention(asked.teacher, asked.teacher_input))
    embeddings = teacher_embeddings(teacher, faces, faces.indices("train"), threads=asked.threads)
    targets = Targets.of(embeddings, Edge.embedding_size)(embeddings)
    modules, rows = [], []
    for variant in VARIANTS:
        module, scores = train(variant, faces, targets, asked.epochs)
        modules.append(module)
        parameters = sum(p.numel() for p in module.parameters())
        rows.append({**dataclasses.asdict(variant), **scores, "parameters": parameters})
        print(f"trained {variant.name}: TAR {scores['tar']:.3f}, attributes {scores['attributes']:.4f}", flush=True)
    for row, latency in zip(rows, latencies(modules, VARIANTS), strict=True):
        row.update(latency)
    print(f"\n{asked.epochs} epochs{'':13} {'time':>6} {'ms':>6} {'M param':>8} {'attributes':>11} {'TAR 1e-3':>9}")
    for row in sorted(rows, key=lambda r: float(r["ratio"])):
        print(
            f"{row['name']:21} {row['ratio']:6.2f} {row['ms']:6.2f} {row['parameters'] / 1e6:8.2f} "
            f"{row['attributes']:11.4f} {row['tar']:9.3f}"
        )
    if asked.json:
        asked.json.write_text(json.dumps({"epochs": asked.epochs, "variants": rows}, indent=1) + "\n")
    if asked.plot:
        draw(rows, asked.plot)


if __name__ == "__main__":
    main()

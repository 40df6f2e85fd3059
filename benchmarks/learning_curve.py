"""What has training brought, and what would ten times as much be expected to bring? Samples against validation TAR.

    python benchmarks/learning_curve.py RUN [RUN ...] [-o FOLDER]

Each RUN begins from the weights of the one before it, so their samples add up. A line TAR = a + b log10(samples) is
fitted by least squares to the second half of the points before the learning rate falls (TAR jumps there once, by what
patience alone does not bring); ten times the samples are expected to add b to the last TAR. The 95 % interval comes
from a bootstrap over the points. What the fit of the embedding layer adds at the end of a run is drawn, and not part of
the line. It assumes that nothing else changes, and a curve that flattens bends below it.
Writes learning_curve.json and learning_curve.png with -o.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facedge.train.optimizer import DECAY_SHARE
from facedge.train.run_folder import read_backbone_config, read_metrics

DRAWS = 2000
FEWEST = 4  # points for a line


@dataclass(frozen=True)
class Point:
    """One epoch: samples of training so far, over all runs, and the scores on the validation identities."""

    run: str
    samples: int
    tar: float
    attribute_accuracy: float
    fitted_tar: float | None = None  # at the end of a run with a teacher: with the embedding layer fitted to it


@dataclass(frozen=True)
class Forecast:
    """The fitted gain of TAR for ten times the samples, and what it would lead to, with its 95 % interval."""

    samples: int
    tenfold: float
    low95: float
    high95: float
    gain_a_decade: float


def points_of(runs: list[Path]) -> list[Point]:
    """The epochs of all runs in their order."""
    points: list[Point] = []
    for run in runs:
        name = run.name if len({each.name for each in runs}) == len(runs) else str(run)
        before = points[-1].samples if points else 0
        for record in read_metrics(run):
            tar = record["tar_at_far_1e-3"]
            if tar is not None:
                fitted = record.get("fitted_tar_at_far_1e-3")
                points.append(Point(name, before + record["samples"], tar, record["attribute_accuracy"], fitted))
    return points


def forecast(points: list[Point], falls_from: int, seed: int = 0) -> Forecast:
    """Add the gain of a decade to the last point: the slope of the second half of the points up to `falls_from`.

    falls_from: the number of samples at which the learning rate begins to fall.
    """
    level = [p for p in points if p.samples <= falls_from]
    level = level if len(level) >= FEWEST else points
    late = level[len(level) // 2 :]
    x, y = np.log10([p.samples for p in late]), np.array([p.tar for p in late])
    slope, last = _slope(x, y), points[-1]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(x), len(x))
        if len(set(rows)) > 1:
            drawn.append(last.tar + _slope(x[rows], y[rows]))
    low, high = np.minimum(1.0, np.quantile(drawn, [0.025, 0.975]))
    return Forecast(last.samples, min(1.0, last.tar + slope), float(low), float(high), slope)


def falls_from(run: Path, points: list[Point]) -> int:
    """The samples after which the learning rate of the last run falls, by its recipe."""
    recipe = read_backbone_config(run).recipe
    before = max((p.samples for p in points if p.run != points[-1].run), default=0)
    rises = {"stable": 1 - DECAY_SHARE, "constant": 1.0}.get(recipe.schedule, recipe.warmup)
    done = sum(p.run == points[-1].run for p in points)
    return before + round((points[-1].samples - before) * rises * recipe.epochs / done)


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.polyfit(x, y, 1)[0])


def draw(points: list[Point], path: Path) -> None:
    """Samples on a logarithmic axis, TAR and attribute accuracy below each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    for run in dict.fromkeys(p.run for p in points):
        mine = [p for p in points if p.run == run]
        x = [p.samples for p in mine]
        above.plot(x, [p.tar for p in mine], marker=".", label=run)
        below.plot(x, [p.attribute_accuracy for p in mine], marker=".")
    if fitted := [p for p in points if p.fitted_tar is not None]:
        values = [p.fitted_tar for p in fitted]
        above.plot([p.samples for p in fitted], values, "*", color="black", label="embedding layer fitted")
    above.set_ylabel("TAR at FAR 1e-3")
    below.set_ylabel("attribute accuracy")
    below.set_xlabel("training samples")
    below.set_xscale("log")
    above.legend(frameon=False)
    for axis in (above, below):
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Read, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    points = points_of(asked.runs)
    if len(points) < FEWEST:
        parser.error(f"expected {FEWEST} epochs or more with a TAR, got {len(points)}: train longer")
    for point in points:
        fitted = "" if point.fitted_tar is None else f"  TAR with the embedding layer fitted {point.fitted_tar:.3f}"
        print(
            f"{point.run:20} {point.samples:>12,} samples  TAR {point.tar:.3f}  "
            f"attributes {point.attribute_accuracy:.4f}{fitted}"
        )
    found = forecast(points, falls_from(asked.runs[-1], points))
    print(
        f"a tenfold of {found.samples:,} samples: TAR {found.tenfold:.3f} ({found.low95:.3f} to {found.high95:.3f}) "
        f"if it goes on as the line of {found.gain_a_decade:.3f} a decade before the learning rate fell"
    )
    if asked.output:
        asked.output.mkdir(parents=True, exist_ok=True)
        record = {"points": [asdict(p) for p in points], "forecast": asdict(found)}
        (asked.output / "learning_curve.json").write_text(json.dumps(record, indent=1) + "\n")
        draw(points, asked.output / "learning_curve.png")


if __name__ == "__main__":
    main()

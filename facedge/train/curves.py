"""curves.png: how a run went, drawn from its metrics."""

from pathlib import Path
from typing import Any

from facedge.train.run import read_metrics, replacing

CURVES = "curves.png"


def draw_curves(run: Path) -> Path | None:
    """Draw losses and validation scores over epochs; None where there is nothing to draw yet."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    records = read_metrics(run)
    if not records:
        return None
    panels = _panels(records)
    figure = Figure(figsize=(4.2 * len(panels), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [record["epoch"] for record in records]
    for axes, (title, series) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, values in series.items():
            axes.plot(epochs, values, label=name, linewidth=1.8)
        axes.set_title(title, fontsize=11, loc="left")
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    path = run / CURVES
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")
    return path


def _panels(records: list[dict[str, Any]]) -> list[tuple[str, dict[str, list[float]]]]:
    """(title, name -> values) of each panel that this kind of run has values for."""
    last = records[-1]
    if "losses" in last:
        losses = {name: [record["losses"].get(name, 0.0) for record in records] for name in last["losses"]}
    else:
        losses = {"training": [r["loss"] for r in records], "validation": [r["validation_loss"] for r in records]}
    panels = [("Loss", losses)]
    if "attribute_accuracy" in last:
        panels.append(
            ("Validation: attributes", {"mean accuracy": [record["attribute_accuracy"] for record in records]})
        )
    if last.get("tar_at_far_1e-3") is not None:
        panels.append(("Validation: identities", {"TAR at FAR 1e-3": [r["tar_at_far_1e-3"] for r in records]}))
    return panels

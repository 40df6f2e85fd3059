"""`facedge eval`: how well a run or a bundle reads faces, as report.json, report.html and card.md."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facedge.cli import _console
from facedge.cli._options import ThreadsOption

if TYPE_CHECKING:
    from facedge.report.evaluate import FaceSet


def evaluate(
    target: Annotated[Path, typer.Argument(help="A bundle (NAME.facedge) or a run folder.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Folder for report.json, report.html and card.md.", show_default=False),
    ],
    faces: Annotated[
        Path | None, typer.Option("--faces", envvar="FACEDGE_FACES_DIR", help="Prepared faces to judge on.")
    ] = None,
    partition: Annotated[str, typer.Option("--partition", help="train, validation or test.")] = "test",
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="List of pairs as LFW has it (pairs.txt, pairsDevTest.txt).")
    ] = None,
    pairs_train: Annotated[
        Path | None,
        typer.Option("--pairs-train", help="Pairs to choose the threshold on; pairsDevTrain.txt beside --pairs."),
    ] = None,
    images: Annotated[Path | None, typer.Option("--images", help="Folder of the photos that --pairs names.")] = None,
    robustness: Annotated[bool, typer.Option("--robustness", help="Also spoil photos on purpose and look.")] = False,
    seed: Annotated[int, typer.Option("--seed", envvar="FACEDGE_SEED", min=0, help="Seed of the bootstrap.")] = 0,
    threads: ThreadsOption = 1,
) -> None:
    """How well a run or a bundle reads faces: writes report.json, report.html and a model card's figures, card.md."""
    from facedge.errors import InputError
    from facedge.report import Settings, evaluate, write_report
    from facedge.report.listed import listed_section
    from facedge.report.model import open_model

    if faces is None and pairs is None:
        raise InputError("there is nothing to judge on: give --faces FACES, or --pairs pairs.txt with --images DIR")
    if pairs is not None and images is None:
        raise InputError("--pairs names photos: say where they are with --images DIR")
    model = open_model(target, threads=threads)
    settings = Settings(partition=partition, seed=seed, robustness_images=ROBUSTNESS_IMAGES if robustness else 0)
    record = evaluate(model, _open_faces(faces), settings, progress=_console.track)
    if pairs is not None and images is not None:
        record["pairs"] = listed_section(model, pairs, images, train=pairs_train, seed=seed, progress=_console.track)
    _, page = write_report(record, output)
    for line in summary(record):
        print(line)
    _console.say(f"report: {page}")


ROBUSTNESS_IMAGES = 400  # 35 levels of 400 photos: half a minute on one core


def summary(record: dict[str, Any]) -> list[str]:
    """The few lines that the command prints."""
    from facedge.report.words import percent

    lines = []
    if found := record["attributes"]:
        lines.append(
            f"attributes   {percent(found['mean_accuracy'])} right, majority guess "
            f"{percent(found['majority_accuracy'])}, balanced {percent(found['balanced_accuracy'])}, "
            f"macro-F1 {percent(found['macro_f1'])}"
        )
    if found := record["verification"]:
        lines.append(
            f"verification EER {percent(found['eer'])}, {found['identities']:,} identities, "
            f"{found['genuine']:,} genuine and {found['impostor']:,} impostor comparisons"
        )
        lines += [_tar_line(float(key), entry) for key, entry in found["tar_at_far"].items()]
        alone = record["baselines"]["attributes_read"]
        lines.append(f"  with its attributes alone: EER {percent(alone['eer'])}{_tar_beside(alone)}")
    if (found := record["groups"]) and found["largest_ratio"]:
        lines.append(
            f"groups       largest ratio of FARs {found['largest_ratio']:.1f}, by {found['largest_ratio_label']}"
        )
    if found := record["pairs"]:
        lines.append(
            f"{found['name']} {percent(found['accuracy'])} right "
            f"({percent(found['low95'])} to {percent(found['high95'])})"
        )
    return lines


def _tar_line(far: float, entry: dict[str, Any]) -> str:
    from facedge.report.words import percent, rate

    if entry["tar"] is None:
        return f"  TAR at FAR {rate(far)}: {entry['refused']}"
    return (
        f"  TAR at FAR {rate(far)}: {percent(entry['tar'])} ({percent(entry['low95'])} to {percent(entry['high95'])})"
    )


def _tar_beside(found: dict[str, Any]) -> str:
    from facedge.report.words import percent, rate

    entry = found["tar_at_far"]["1e-3"]
    return "" if entry["tar"] is None else f", TAR at FAR {rate(1e-3)} {percent(entry['tar'])}"


def _open_faces(folder: Path | None) -> "FaceSet | None":
    if folder is None:
        return None
    from facedge.dataset.faces import Faces

    return Faces.open(folder)

"""`facedge eval`: error rates of a run or a bundle, as report.json, report.html and card.md."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facedge.cli import _console
from facedge.cli._console import require_extra
from facedge.cli._options import ThreadsOption

if TYPE_CHECKING:
    from facedge.dataset.prepared import Faces

ROBUSTNESS_IMAGES = 400  # 35 levels of 400 photos: half a minute on one core


def evaluate(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|BUNDLE|RUN",
            help="An enrolled person's name, a bundle's path, or the folder of a training run.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for report.json, report.html and card.md."),
    ],
    faces: Annotated[
        Path | None,
        typer.Option("--faces", metavar="FACES", envvar="FACEDGE_FACES_DIR", help="Folder of `facedge prepare`."),
    ] = None,
    partition: Annotated[
        Literal["train", "validation", "test"], typer.Option("--partition", help="Part of the prepared faces.")
    ] = "test",
    pairs: Annotated[
        Path | None, typer.Option("--pairs", metavar="FILE", help="List of pairs as LFW has it, such as pairs.txt.")
    ] = None,
    pairs_train: Annotated[
        Path | None,
        typer.Option(
            "--pairs-train",
            metavar="FILE",
            help="Pairs to choose the threshold on.",
            show_default="pairsDevTrain.txt beside --pairs",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="Folder of the photos that --pairs names.")
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also measure photos degraded by blur, rotation, JPEG and more.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", envvar="FACEDGE_SEED", min=0, help="Seed of the bootstrap.")] = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Error rates of a bundle or a training run, as a report.

    Writes report.json, report.html, and card.md, the figures of a model card.
    """
    from facedge.errors import InputError
    from facedge.formatting import printable
    from facedge.metrics.intervals import Bootstrap
    from facedge.report.evaluate import Settings, evaluate
    from facedge.report.model import open_model
    from facedge.report.pairs import pairs_section
    from facedge.report.render import write_report

    if faces is None and pairs is None:
        raise InputError("there is nothing to evaluate on: give --faces FACES, or --pairs pairs.txt with --images DIR")
    if pairs is not None and images is None:
        raise InputError("--pairs names photos: give their folder with --images DIR")
    model = open_model(_find_model(target), threads=threads)
    bootstrap = Bootstrap(seed=seed)
    settings = Settings(partition, bootstrap, robustness_images=ROBUSTNESS_IMAGES if robustness else 0)
    record = evaluate(model, _open_faces(faces), settings, _console.track)
    if pairs is not None and images is not None:
        record["pairs"] = pairs_section(
            model, pairs, images, train=pairs_train, bootstrap=bootstrap, track=_console.track
        )
    given = {
        "--faces": faces, "--partition": partition if partition != "test" else None, "--pairs": pairs,
        "--pairs-train": pairs_train, "--images": images, "--robustness": robustness or None, "--seed": seed or None,
    }  # fmt: skip
    record |= _origin([target], given, output)
    _, page = write_report(record, output)
    for line in summary(record):
        print(printable(line))
    _console.say(f"report: {page}")


def _origin(arguments: list[str], given: Mapping[str, object], output: Path) -> dict[str, str]:
    """The time, and the command as it may be typed again; options that are None were not given."""
    words = ["facedge", "eval", *arguments]
    for option, value in given.items():
        if value is not None:
            words += [option] if value is True else [option, str(value)]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"created": now, "command": shlex.join([*words, "-o", str(output)])}


def _find_model(target: str) -> Path:
    """The bundle or run folder that `target` means; a run folder beside may be named without a slash."""
    from facedge.bundle.resolve import is_path, people, resolve_bundle

    is_run = (Path(target) / "config.json").is_file()
    if is_run:
        require_extra("train", ("torch", "safetensors"), "evaluating a run")
    if is_path(target) or (is_run and all(path.stem != target for path in people())):
        return Path(target)
    return resolve_bundle(target)


def summary(record: dict[str, Any]) -> list[str]:
    """The few lines that the command prints."""
    from facedge.formatting import percent, rate, with_interval
    from facedge.report.groups import shown_ratios

    lines = []
    if found := record["attributes"]:
        lines.append(
            f"attributes   {percent(found['mean_accuracy'])} correct, majority guess "
            f"{percent(found['majority_accuracy'])}, balanced {percent(found['balanced_accuracy'])}, "
            f"macro-F1 {percent(found['macro_f1'])}"
        )
    if (found := record["head"]) and found["far"] is not None:
        far = with_interval(found["far"], found["far_low95"], found["far_high95"])
        lines.append(
            f"enrolled     accepts {far} of {found['images']:,} photos of {found['identities']:,} other people"
        )
    if found := record["verification"]:
        lines.append(
            f"verification EER {percent(found['eer'])}, {found['identities']:,} identities, "
            f"{found['genuine']:,} genuine and {found['impostor']:,} impostor comparisons"
        )
        for key, entry in found["tar_at_far"].items():
            tar = with_interval(entry["tar"], entry["low95"], entry["high95"])
            lines.append(f"  TAR at FAR {rate(float(key))}: {entry['refused'] if entry['tar'] is None else tar}")
        alone = record["baselines"]["attributes_read"]
        tar = percent(alone["tar_at_far"]["1e-3"]["tar"])
        lines.append(f"  with its attributes alone: EER {percent(alone['eer'])}, TAR at FAR 0.1 % {tar}")
    if (found := record["groups"]) and (ratios := shown_ratios(found)):
        lines.append(f"groups       largest ratio of FARs {ratios[0].text()}, by {ratios[0].label}")
    if found := record["pairs"]:
        lines.append(f"{found['name']} {with_interval(found['accuracy'], found['low95'], found['high95'])} correct")
    return lines


def _open_faces(folder: Path | None) -> "Faces | None":
    if folder is None:
        return None
    from facedge.dataset.prepared import Faces

    return Faces.open(folder)

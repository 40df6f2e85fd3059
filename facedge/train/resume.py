"""Resuming a run: its config.json is the source of every option, and options that contradict it are named."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedge.errors import RunError
from facedge.formatting import counted
from facedge.train import run_folder
from facedge.train.config import BackboneConfig, BackboneRequest, DataCard

if TYPE_CHECKING:
    from facedge.dataset.prepared import Faces

OPTIONS = "options"  # key of config.json
OF_THIS_CALL = ("run", "resume")  # fields of a request that are not recorded


def options_of(request: BackboneRequest) -> dict[str, Any]:
    """The options of a request as JSON types, paths absolute, as config.json records them."""
    fields = {field.name: getattr(request, field.name) for field in dataclasses.fields(request)}
    return {name: _as_json(value) for name, value in fields.items() if name not in OF_THIS_CALL}


def resumed_request(run: Path, given: dict[str, Any]) -> BackboneRequest:
    """The request that resumes `run`: the options it was begun with, replaced by those that are `given` again.

    given: field of BackboneRequest -> value. Raises RunError where the folder holds no backbone run, or a run of an
    older version that recorded no FACES and none is given.
    """
    config, recorded = run_folder.read_backbone_config(run), run_folder.read_config(run).get(OPTIONS, {})
    known = {field.name for field in dataclasses.fields(BackboneRequest)}
    options = {name: _from_json(name, value) for name, value in recorded.items() if name in known}
    options |= _options_in(config) | given
    if "faces" not in options:
        raise RunError(f"{run} does not record which faces it was begun with: give FACES, the folder of them")
    return BackboneRequest(**{**options, "run": run, "resume": True})


def resumed_config(
    request: BackboneRequest,
    faces: "Faces",
    more: Sequence["Faces"],
    teachers: tuple[str, ...],
    labels_from: str | None = None,
) -> BackboneConfig:
    """The config that a resumed run goes on with: the recorded one, with the epochs that are asked for.

    more: the folders of --more. teachers, labels_from: fingerprints of the request's files. Raises RunError where
    options or faces contradict the record.
    """
    config = run_folder.read_backbone_config(request.run)
    wanted = {name: value for name in _options_in(config) if (value := getattr(request, name)) is not None}
    wanted.pop("epochs", None)
    was = _options_in(config)
    differing = [
        f"--{name.replace('_', '-')} {was[name]}, not {value}" for name, value in wanted.items() if value != was[name]
    ]
    if teachers != config.teachers:
        differing.append(f"{_teacher_phrase(config.teachers)}, not {_teacher_phrase(teachers)}")
    if labels_from != config.labels_from:
        differing.append(f"{_labels_phrase(config.labels_from)}, not {_labels_phrase(labels_from)}")
    if differing:
        raise RunError(
            f"{request.run} was begun with {'; '.join(differing)}: leave these options out, or choose another -o"
        )
    _check_faces(request, (config.data, *config.more), tuple(DataCard.of(each) for each in (faces, *more)))
    epochs = request.epochs or config.recipe.epochs
    done = run_folder.epochs_done(request.run)
    if epochs < done:
        raise RunError(
            f"{request.run} has trained {counted(done, 'epoch')}: expected --epochs {done} or more, got {epochs}"
        )
    return dataclasses.replace(config, recipe=dataclasses.replace(config.recipe, epochs=epochs))


def _options_in(config: BackboneConfig) -> dict[str, Any]:
    """The options whose value in use a config records, whether they were given or not."""
    recipe = config.recipe
    return {
        "arch": config.arch,
        "size": config.spec.size,
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "learning_rate": recipe.learning_rate,
        "seed": config.seed,
        "teacher_views": recipe.teacher_views,
        "fresh_views": recipe.fresh_views,
    }


def _check_faces(request: BackboneRequest, was: tuple[DataCard, ...], now: tuple[DataCard, ...]) -> None:
    if now != was:
        begun, came = (
            " and ".join(f"{counted(c.images, 'training image')} of {c.name} ({c.partition})" for c in cards)
            for cards in (was, now)
        )
        folders = " and ".join(map(str, (request.faces, *request.more)))
        raise RunError(f"{request.run} was begun with {begun}, but {folders} has {came}: give FACES and --more as then")


def _teacher_phrase(fingerprints: tuple[str, ...]) -> str:
    """Such as "--teacher NAME (sha256 8d2383e4)", or "no --teacher"."""
    parts = [fingerprint.partition(" sha256:") for fingerprint in fingerprints]
    return " ".join(f"--teacher {name} (sha256 {digest[:8]})" for name, _, digest in parts) or "no --teacher"


def _labels_phrase(sha256: str | None) -> str:
    """Such as "--labels-from a bundle (sha256 8d2383e4)", or "no --labels-from"."""
    return f"--labels-from a bundle (sha256 {sha256[:8]})" if sha256 else "no --labels-from"


def _as_json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return [_as_json(item) for item in value] if isinstance(value, tuple | list) else value


def _from_json(name: str, value: Any) -> Any:
    """The value of a field of BackboneRequest; its annotation tells paths and tuples."""
    kind = str(BackboneRequest.__dataclass_fields__[name].type)
    if isinstance(value, list):
        return tuple(Path(item) if "Path" in kind else item for item in value)
    return Path(value) if "Path" in kind and isinstance(value, str) else value

"""The model to evaluate: a bundle or a training run, as one function from faces to embeddings and attributes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError
from facedge.types import Float32Array, Int64Array, Track, UInt8Array, untracked

if TYPE_CHECKING:
    from facedge.runtime.verifier import Verifier

Embed = Callable[[UInt8Array], tuple[Float32Array, Float32Array]]

_CHUNK = 512  # faces embedded between two updates of the progress bar: 20 MB of pixels


@dataclass(frozen=True)
class Head:
    """The head of a bundle in which somebody is enrolled.

    `score`: embeddings float32 (N, D) -> float32 (N,). `far_target` and `far_upper95` are of the bundle's calibration,
    None where the threshold was set by hand.
    """

    score: Callable[[Float32Array], Float32Array]
    threshold: float
    far_target: float | None
    far_upper95: float | None


@dataclass(frozen=True)
class Model:
    """A backbone and its name.

    `embed`: aligned uint8 (N, H, W) grey or (N, H, W, 3) RGB -> float32 embeddings (N, D) and attribute
    probabilities (N, A). `sha256` identifies the weights; `trained_on` holds the training data's name,
    licence and partition. `head` is None where nobody is enrolled.
    """

    name: str
    kind: str
    sha256: str
    attribute_names: tuple[str, ...]
    trained_on: dict[str, Any]
    embed: Embed
    head: Head | None = None


def open_model(path: str | Path, *, threads: int = 1) -> Model:
    """A bundle (it has a manifest.json) or a run folder (config.json). InputError for anything else.

    A bundle runs on onnxruntime; a run folder needs the `train` extra, since its weights are torch's.
    """
    folder = Path(path)
    if (folder / "manifest.json").is_file():
        return _bundle(folder, threads)
    if (folder / "config.json").is_file():
        return _run(folder)
    raise InputError(
        f"{folder} is neither a bundle (NAME.facedge with a manifest.json) nor a run folder (config.json): "
        "pass what `facedge export` or `facedge train backbone` wrote"
    )


def embed_all(
    model: Model,
    images: Any,
    rows: Int64Array,
    track: Track = untracked,
    what: str = "Embedding",
) -> tuple[Float32Array, Float32Array]:
    """Embeddings (N, D) and attribute probabilities (N, A) of the chosen rows of a (memory-mapped) image array."""
    if len(rows) == 0:
        raise InputError(f"{what}: there are no images; choose a partition that has some")
    parts = [
        model.embed(np.ascontiguousarray(images[rows[start : start + _CHUNK]]))
        for start in track(range(0, len(rows), _CHUNK), what)
    ]
    return np.concatenate([e for e, _ in parts]), np.concatenate([p for _, p in parts])


def _bundle(folder: Path, threads: int) -> Model:
    from facedge.bundle import read_bundle
    from facedge.runtime.embedder import BATCH
    from facedge.runtime.verifier import Verifier

    bundle = read_bundle(folder)
    verifier = Verifier(bundle, threads=threads)
    embedder = verifier.embedder

    def embed(images: UInt8Array) -> tuple[Float32Array, Float32Array]:
        parts = [embedder.infer(embedder.prepare(images[k : k + BATCH])) for k in range(0, len(images), BATCH)]
        return np.concatenate([e for e, _ in parts]), np.concatenate([p for _, p in parts])

    note = bundle.manifest.data
    return Model(
        name=bundle.manifest.name,
        kind="bundle",
        sha256=_sha256(folder / "manifest.json"),  # which holds the sha256 of every file
        attribute_names=tuple(bundle.manifest.attribute_names),
        trained_on={"name": note.name, "licence": note.licence, "partition": note.partition},
        embed=embed,
        head=_head(verifier) if bundle.manifest.enrolled else None,
    )


def _head(verifier: "Verifier") -> Head:
    from facedge.runtime.decision import choose_threshold

    in_force = choose_threshold(verifier.bundle.manifest)
    return Head(verifier.score, in_force.value, in_force.far.target, in_force.far.upper95)


def _run(folder: Path) -> Model:
    try:
        from facedge.train.run_folder import embed_faces, read_backbone_config
    except ModuleNotFoundError as missing:
        raise InputError(
            f"{folder.name} is a training run and needs {missing.name}: pip install 'facedge[train]', "
            "or evaluate the bundle that `facedge export` makes of it"
        ) from missing
    config = read_backbone_config(folder)
    data = config.data
    return Model(
        name=folder.resolve().name,
        kind="run",
        sha256=_sha256(folder / "weights.safetensors"),
        attribute_names=config.attribute_names,
        trained_on={"name": data.name, "licence": data.licence, "partition": data.partition},
        embed=lambda images: embed_faces(folder, images),
    )


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path} is missing: let training finish its first epoch, or export the bundle again")
    return hashlib.sha256(path.read_bytes()).hexdigest()

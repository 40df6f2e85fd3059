"""Hyperparameters and configs of training runs: what is asked for, the default recipes, what config.json records."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedge.errors import InputError, RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train.architectures import ARCHITECTURES, Edge, Plain
from facedge.train.augment import Augment

if TYPE_CHECKING:
    from facedge.dataset.prepared import Faces

CONFIG_VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a backbone's training. A loss with weight 0 is off."""

    epochs: int = 15
    batch: int = 256
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.05  # fraction of all steps
    schedule: str = "stable"  # or "cosine", "constant": train/optimizer.py:learning_rate
    clip: float = 1.0  # largest gradient norm; 0 does not clip
    ema: float = 0.998  # decay of the weights' moving average per step; 0 keeps the last weights
    attribute_weight: float = 1.0
    smoothing: float = 0.02  # label smoothing of the attributes
    identity_weight: float = 0.1
    identity_scale: float = 24.0
    identity_margin: float = 0.2
    identity_images: int = 2  # identities with fewer images are left out of the identity loss
    teacher_weight: float = 4.0
    teacher_relation: float = 4.0
    teacher_views: int = 0  # blended and warped views of every image, embedded by the teacher too
    fresh_views: int = 0  # as many again, one of them drawn anew before each epoch
    augment: Augment = field(default_factory=Augment)


EDGE = Recipe()
# What the shipped bundle was trained by, with a larger batch and rate on a GPU: facedge/models/MODEL_CARD.md.
# With a teacher the identity loss makes results worse: after 5 epochs TAR at FAR 1e-3 on CelebA's validation
# identities was 0.238 without it and 0.207 with it, attribute accuracy 88.2 % and 88.0 %.
EDGE_TAUGHT = dataclasses.replace(EDGE, epochs=54, identity_weight=0.0, augment=Augment.cameras())
# The original recipe: binary cross-entropy, RMSprop, 10 epochs, nothing else.
PLAIN = Recipe(
    epochs=10,
    batch=64,
    optimizer="rmsprop",
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup=0.0,
    schedule="constant",
    clip=0.0,
    ema=0.0,
    smoothing=0.0,
    identity_weight=0.0,
    teacher_weight=0.0,
    augment=Augment.none(),
)


def recipe_of(arch: str, *, taught: bool) -> Recipe:
    """The default recipe of an architecture, with or without a teacher."""
    if arch == "plain":
        return PLAIN
    return EDGE_TAUGHT if taught else EDGE


@dataclass(frozen=True)
class BackboneRequest:
    """The options of `facedge train backbone`; None takes the value of the architecture's recipe."""

    faces: Path
    run: Path
    arch: str = "edge"
    size: int | None = None
    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    device: str = "auto"
    seed: int = 0
    resume: bool = False
    more: tuple[Path, ...] = ()
    teachers: tuple[Path, ...] = ()
    teacher_inputs: tuple[str, ...] = ()
    teacher_views: int = 0
    fresh_views: int = 0
    labels_from: Path | None = None
    begin_from: Path | None = None
    compiled: bool = False
    threads: int | None = None

    def recipe(self) -> Recipe:
        """The architecture's recipe with the requested changes; InputError where options contradict each other."""
        recipe = recipe_of(self.arch, taught=bool(self.teachers))
        for option, views in (("--teacher-views", self.teacher_views), ("--fresh-views", self.fresh_views)):
            if views and not self.teachers:
                raise InputError(f"{option} needs --teacher: the views are labelled with the teacher's embeddings")
        if self.teacher_views and self.fresh_views:
            raise InputError("expected --teacher-views or --fresh-views, got both: give one of them")
        if self.teachers and not recipe.teacher_weight:
            raise InputError(f"--teacher needs --arch edge: {self.arch} is the baseline and learns attributes only")
        return dataclasses.replace(
            recipe,
            epochs=self.epochs or recipe.epochs,
            batch=self.batch or recipe.batch,
            learning_rate=self.learning_rate or recipe.learning_rate,
            teacher_views=self.teacher_views,
            fresh_views=self.fresh_views,
        )


@dataclass(frozen=True)
class DataCard:
    """Source, licence and size of the training data; export copies it into the bundle."""

    name: str
    licence: str
    partition: str
    images: int
    identities: int

    @classmethod
    def of(cls, faces: "Faces") -> "DataCard":
        """The card of a prepared folder's training partition."""
        rows = faces.indices("train")
        identities = faces.identities[rows]
        known = len(np.unique(identities[identities >= 0]))
        info = faces.info
        return cls(str(info["name"]), str(info["licence"]), str(info["partition"]), len(rows), known)


@dataclass(frozen=True)
class BackboneConfig:
    """One backbone run, as `config.json` holds it."""

    arch: str
    spec: PreprocessSpec
    embedding_size: int
    attribute_names: tuple[str, ...]
    data: DataCard
    recipe: Recipe
    seed: int
    teachers: tuple[str, ...] = ()  # name and sha256 of each teacher's file
    more: tuple[DataCard, ...] = ()  # data sets that added training images
    began_from: str | None = None  # sha256 of the initial weights, where they are another run's or a bundle's
    labels_from: str | None = None  # sha256 of the bundle that predicted attributes of images without labels
    mirrored: bool = False  # the trained model averages its outputs for the image and its mirror image

    @classmethod
    def of(
        cls,
        request: BackboneRequest,
        faces: "Faces",
        *,
        more: Sequence["Faces"] = (),
        teachers: Sequence[str] = (),
        began_from: str | None = None,
        labels_from: str | None = None,
    ) -> "BackboneConfig":
        """The config that a request makes with a prepared folder; InputError for a wrong --arch or --size."""
        if request.arch not in ARCHITECTURES:
            raise InputError(f"expected --arch {' or '.join(ARCHITECTURES)}, got {request.arch!r}")
        spec = PreprocessSpec() if request.size is None else dataclasses.replace(PreprocessSpec(), size=request.size)
        if spec.size % 16 or not 32 <= spec.size <= 256:
            raise InputError(f"expected --size to be a multiple of 16 from 32 to 256, got {spec.size}")
        return cls(
            arch=request.arch,
            spec=spec,
            embedding_size=(Plain if request.arch == "plain" else Edge).embedding_size,
            attribute_names=tuple(faces.attribute_names),
            data=DataCard.of(faces),
            recipe=request.recipe(),
            seed=request.seed,
            teachers=tuple(teachers),
            more=tuple(DataCard.of(each) for each in more),
            began_from=began_from,
            labels_from=labels_from,
            mirrored=request.arch == "edge",
        )

    @property
    def embedding_is_trained(self) -> bool:
        """Whether a loss reached the embedding; where none did, it is as random as at the start."""
        identities = self.recipe.identity_weight > 0 and any(card.identities > 1 for card in (self.data, *self.more))
        return self.arch == "plain" or identities or bool(self.teachers)

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        record = dataclasses.asdict(self)
        return {"version": CONFIG_VERSION, "kind": "backbone", **record, "spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "BackboneConfig":
        """The inverse of `to_dict`; RunError for a record of another kind or version."""
        fields = _checked(record, "backbone")
        recipe = dict(fields["recipe"])
        recipe["augment"] = Augment(**recipe["augment"])
        return cls(
            arch=fields["arch"],
            spec=PreprocessSpec.from_dict(fields["spec"]),
            embedding_size=fields["embedding_size"],
            attribute_names=tuple(fields["attribute_names"]),
            data=DataCard(**fields["data"]),
            recipe=Recipe(**recipe),
            seed=fields["seed"],
            teachers=tuple(fields["teachers"]),
            more=tuple(DataCard(**card) for card in fields["more"]),
            began_from=fields["began_from"],
            labels_from=fields.get("labels_from"),
            mirrored=fields["mirrored"],
        )


@dataclass(frozen=True)
class HeadConfig:
    """One face-head run, as `config.json` holds it: the frozen backbone, the recipe, the numbers of photos."""

    backbone_sha256: str
    embedding_size: int
    hidden: int
    dropout: float
    epochs: int
    learning_rate: float
    views: int
    seed: int
    me: dict[str, int]  # photos in training and in validation
    others: dict[str, int]
    proves: str  # one sentence: the lowest error rates that so many validation photos can show

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {"version": CONFIG_VERSION, "kind": "head", **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "HeadConfig":
        """The inverse of `to_dict`; RunError for a record of another kind or version."""
        return cls(**_checked(record, "head"))


def _checked(record: dict[str, Any], kind: str) -> dict[str, Any]:
    fields = dict(record)
    came = fields.pop("kind", None), fields.pop("version", None)
    if came != (kind, CONFIG_VERSION):
        raise RunError(
            f"expected the config of a {kind} run, version {CONFIG_VERSION}, got {came[0]!r}, version {came[1]!r}: "
            f"pass the folder that `facedge train {kind}` wrote"
        )
    return fields

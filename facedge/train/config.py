"""What a run is: its model, its recipe, its data. Everything that `--resume`, `export` and a reader need to know."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from facedge.errors import RunError
from facedge.preprocessing import PreprocessSpec
from facedge.train.augment import Augment

CONFIG_VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """How a backbone is trained. Weights of 0 switch a loss off."""

    epochs: int = 15
    batch: int = 256
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.05  # share of all steps
    cosine: bool = True
    clip: float = 1.0  # largest gradient norm; 0 leaves gradients alone
    ema: float = 0.998  # decay of the weights' moving average a step; 0 keeps the last weights
    attribute_weight: float = 1.0
    smoothing: float = 0.02
    identity_weight: float = 0.1
    identity_scale: float = 24.0
    identity_margin: float = 0.2
    identity_images: int = 2  # identities with fewer images take no part in the identity loss
    teacher_weight: float = 4.0
    teacher_relation: float = 4.0
    teacher_views: int = 0  # blended and warped views of every image that the teacher has seen itself
    augment: Augment = field(default_factory=Augment)


EDGE = Recipe()
# The shipped bundle: 54 epochs of this, then 28 on the images and two views of each (--init, --teacher-views 2).
# With a teacher the identity loss only gets in its way: after 5 epochs TAR at FAR 1e-3 on CelebA's validation
# identities was 0.238 without it and 0.207 with it, attribute accuracy 88.2 % and 88.0 %.
EDGE_TAUGHT = dataclasses.replace(EDGE, epochs=54, identity_weight=0.0)
# The original recipe: binary cross-entropy, RMSprop, 10 epochs, nothing else.
PLAIN = Recipe(
    epochs=10,
    batch=64,
    optimizer="rmsprop",
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup=0.0,
    cosine=False,
    clip=0.0,
    ema=0.0,
    smoothing=0.0,
    identity_weight=0.0,
    teacher_weight=0.0,
    augment=Augment.none(),
)


def recipe_of(arch: str, *, taught: bool) -> Recipe:
    """The recipe an architecture is trained with unless told otherwise."""
    if arch == "plain":
        return PLAIN
    return EDGE_TAUGHT if taught else EDGE


@dataclass(frozen=True)
class DataCard:
    """Where the training images came from and what may be done with the result; travels into the bundle."""

    name: str
    licence: str
    partition: str
    images: int
    identities: int


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
    teacher: str | None = None  # name and sha256 of the teacher's file
    began_from: str | None = None  # sha256 of the weights that training began from
    mirrored: bool = False  # the shipped model also reads the mirror image and gives the mean

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        record = dataclasses.asdict(self)
        return {"version": CONFIG_VERSION, "kind": "backbone", **record, "spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "BackboneConfig":
        """The inverse of `to_dict`; RunError where the record is of another kind or version."""
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
            teacher=fields["teacher"],
            began_from=fields.get("began_from"),
            mirrored=fields.get("mirrored", False),
        )


@dataclass(frozen=True)
class HeadConfig:
    """One face-head run: the frozen backbone it reads and the photos it learnt from."""

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
    proves: str  # one sentence: what so few photos can show

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {"version": CONFIG_VERSION, "kind": "head", **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "HeadConfig":
        """The inverse of `to_dict`; RunError where the record is of another kind or version."""
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

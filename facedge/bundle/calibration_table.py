"""calibration.json of a bundle: what enrolling needs to set a threshold without running trials on the cohort.

Made once at export (facedge/export/calibration_table.py); deploy/FORMAT.md defines its meaning. A row holds for one
number of enrolled images: operating points on cosines, and the logistic that turns a cosine into a probability. A
condition is a way in which pictures of everybody become alike (dark glasses, light from behind, a squeezed picture);
where an enrollment's photos show one, its threshold is raised so that the FAR holds among such pictures too.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from facedge.bundle import json_fields as check
from facedge.errors import BundleError
from facedge.types import Float64Array

CALIBRATION = "calibration.json"
MOST_CONDITIONS = 64
MOST_IMAGES = 1024
BEYOND = 1e6  # no number of the file lies beyond; cosines lie within -1..1, a logistic's slope is some tens


@dataclass(frozen=True)
class TablePoint:
    """A threshold on cosines for a target FAR, the 95 % interval of that FAR, and the share of genuine refused."""

    far_target: float
    threshold: float
    far_low95: float
    far_upper95: float
    frr: float


@dataclass(frozen=True)
class TableRow:
    """What holds for enrollments by `images` images: probability = sigmoid(slope * cosine + shift)."""

    images: int
    slope: float
    shift: float
    calibration_error: float
    points: tuple[TablePoint, ...]


@dataclass(frozen=True)
class ConditionRow:
    """A condition in enrollments by `images` images.

    Attributes:
        limit: an enrollment shows the condition where the mean of its embeddings, times `direction`, is at least this
        above: for each point of the row: the threshold lies so far above the template's cosine to `mean`
        frr: for each point: the share of genuine probes refused, where enrollment and probes are of this condition
    """

    images: int
    limit: float
    above: tuple[float, ...]
    frr: tuple[float, ...]


@dataclass(frozen=True)
class Condition:
    """A condition: its name, the mean embedding (D,) of people in it, and the direction (D,) in which it shows."""

    name: str
    mean: tuple[float, ...]
    direction: tuple[float, ...]
    rows: tuple[ConditionRow, ...]


@dataclass(frozen=True)
class CalibrationTable:
    """Rows by rising number of images, each with the same targets; `identities` and `comparisons` count impostors."""

    identities: int
    comparisons: int
    rows: tuple[TableRow, ...]
    conditions: tuple[Condition, ...] = ()

    def row_for(self, images: int) -> int:
        """The index of the row for an enrollment by so many images: the last that has no more, else the first."""
        return max((index for index, row in enumerate(self.rows) if row.images <= images), default=0)

    def to_json(self) -> bytes:
        """The bytes of calibration.json; numbers with 8 digits: the embeddings are float32."""
        return (json.dumps(_rounded(asdict(self)), indent=None, separators=(",", ":"), allow_nan=False) + "\n").encode()


def read_table(files: Mapping[str, bytes], embedding_size: int) -> CalibrationTable | None:
    """The calibration table of a bundle's files, None where it has none.

    Raises BundleError where it breaks the format, or does not fit embeddings of `embedding_size` numbers.
    """
    if CALIBRATION not in files:
        return None
    content = check.parse_json(files[CALIBRATION], CALIBRATION)
    check.exact_keys(content, _keys(CalibrationTable), CALIBRATION)
    rows = tuple(_row(item) for item in _items(content["rows"], "rows", MOST_IMAGES))
    return CalibrationTable(
        identities=check.whole(content["identities"], f"{CALIBRATION} identities", least=1),
        comparisons=check.whole(content["comparisons"], f"{CALIBRATION} comparisons", least=1),
        rows=_ordered(rows),
        conditions=tuple(
            _condition(item, rows, embedding_size)
            for item in _items(content["conditions"], "conditions", MOST_CONDITIONS, least=0)
        ),
    )


def vectors(conditions: Sequence[Condition]) -> tuple[Float64Array, Float64Array]:
    """(means, directions) of conditions, both float64 (C, D)."""
    return np.array([one.mean for one in conditions]), np.array([one.direction for one in conditions])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _row(value: object) -> TableRow:
    found = _object(value, TableRow, "rows")
    return TableRow(
        images=check.whole(found["images"], f"{CALIBRATION} rows.images", least=1, most=MOST_IMAGES),
        slope=_number(found["slope"], "rows.slope", least=0),
        shift=_number(found["shift"], "rows.shift"),
        calibration_error=_number(found["calibration_error"], "rows.calibration_error", least=0, most=1),
        points=tuple(_point(item) for item in _items(found["points"], "rows.points", MOST_IMAGES)),
    )


def _point(value: object) -> TablePoint:
    found = _object(value, TablePoint, "rows.points")
    rates = {name: _number(found[name], f"rows.points.{name}", least=0, most=1) for name in found}
    return TablePoint(**(rates | {"threshold": _number(found["threshold"], "rows.points.threshold", least=-1, most=2)}))


def _condition(value: object, rows: Sequence[TableRow], size: int) -> Condition:
    found = _object(value, Condition, "conditions")
    name = check.text(found["name"], f"{CALIBRATION} conditions.name", limit=200)
    own = tuple(
        _condition_row(item, row)
        for item, row in zip(_items(found["rows"], f"{name}.rows", len(rows), least=len(rows)), rows, strict=True)
    )
    mean, direction = (_numbers(found[key], f"{name}.{key}", size) for key in ("mean", "direction"))
    return Condition(name, mean, direction, own)


def _condition_row(value: object, row: TableRow) -> ConditionRow:
    found = _object(value, ConditionRow, "conditions.rows")
    above, frr = (_numbers(found[key], f"conditions.rows.{key}", len(row.points)) for key in ("above", "frr"))
    if found["images"] != row.images:
        check.refuse(f"{CALIBRATION} conditions.rows.images", f"{row.images}, as in rows", found["images"])
    return ConditionRow(row.images, _number(found["limit"], "conditions.rows.limit"), above, frr)


def _ordered(rows: tuple[TableRow, ...]) -> tuple[TableRow, ...]:
    """The rows, their images and their points' targets checked to rise, and the targets to be the same in all."""
    images = [row.images for row in rows]
    targets = [[point.far_target for point in row.points] for row in rows]
    rising = all(a < b for values in (images, targets[0]) for a, b in itertools.pairwise(values))
    if not rising or any(one != targets[0] for one in targets):
        raise BundleError(f"{CALIBRATION}: expected rows by rising images with the same rising FARs: {check.REPAIR}")
    return rows


def _object(value: object, kind: type, where: str) -> Mapping[str, Any]:
    found = check.mapping(value, f"{CALIBRATION} {where}")
    check.exact_keys(found, _keys(kind), f"{CALIBRATION} {where}")
    return found


def _items(value: object, where: str, most: int, *, least: int = 1) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        check.refuse(f"{CALIBRATION} {where}", f"a list of {least} to {most} items", value)
    return value


def _numbers(value: object, where: str, count: int) -> tuple[float, ...]:
    return tuple(_number(item, where) for item in _items(value, where, count, least=count))


def _number(value: object, where: str, *, least: float = -BEYOND, most: float = BEYOND) -> float:
    return check.number(value, f"{CALIBRATION} {where}", least=least, most=most)


def _keys(kind: type) -> frozenset[str]:
    return frozenset(item.name for item in fields(kind))

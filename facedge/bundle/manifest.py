"""`manifest.json`, the description of a bundle, as a frozen dataclass.

`deploy/FORMAT.md` is the text of the format and `manifest.schema.json` its JSON Schema; this module enforces both.
Building a Manifest checks it, so a manifest that exists is one that may be written.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from facedge.bundle import json_fields as check
from facedge.bundle.format import MOST_BYTES
from facedge.errors import BundleError

if TYPE_CHECKING:
    from facedge.preprocessing.spec import PreprocessSpec

FORMAT = "facedge-bundle"
FORMAT_VERSION = 1
PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True)
class FileEntry:
    """An entry of `files` in the manifest."""

    sha256: str
    size: int


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and the evidence for it.

    `far_target` is the target FAR, `far_low95`/`far_upper95` the 95 % interval of the FAR at `threshold`,
    `frr` the share of genuine probes refused there, None where none were held out. Rates are fractions of 1.
    """

    far_target: float
    threshold: float
    far_low95: float
    far_upper95: float
    frr: float | None = None


@dataclass(frozen=True)
class Calibration:
    """Where the threshold comes from: the operating point in force, and the impostors behind it.

    `identities` and `comparisons` count impostors; `method` describes how the interval was computed.
    `points` are further thresholds of the same calibration, for `facedge verify --far`.
    """

    far_target: float
    far_low95: float
    far_upper95: float
    identities: int
    comparisons: int
    method: str
    points: tuple[OperatingPoint, ...] = ()


@dataclass(frozen=True)
class DataNote:
    """The training data: its name, its licence, and how it was partitioned."""

    name: str
    licence: str
    partition: str


@dataclass(frozen=True)
class Manifest:
    """Everything `manifest.json` holds.

    Attributes:
        name: the name shown for the bundle
        enrolled: True: head.onnx is trained for a person and `threshold` is set; False: head.onnx is a template
        spec: PreprocessSpec.to_dict()
        spec_digest: PreprocessSpec.digest, 64 hex digits
        embedding_size: D of the embedding (N, D)
        attribute_names: one for each column of the attributes (N, A), in order
        threshold: accept if score >= threshold, in [0, 1]; None exactly when not enrolled
        calibration: evidence for the threshold; None when not enrolled, or when the user set the threshold
        parity: largest absolute differences between engines, by name, e.g. {"embedding": 3e-7}
        data: training data and its licence
        metrics: figures measured at export, plain JSON
        usage: who may use the bundle, one sentence
        created_by: e.g. "facedge 0.1.0"
        created: UTC time, ISO 8601, or None for reproducible output
        precision: which backbone threshold and metrics were measured on: "fp32" or "int8" (backbone.int8.onnx)
        files: sha256 and size by file name; filled in by write_bundle
        format_version: of FORMAT.md

    Raises:
        BundleError: naming the key, when a value breaks the format
    """

    name: str
    enrolled: bool
    spec: Mapping[str, Any]
    spec_digest: str
    embedding_size: int
    attribute_names: tuple[str, ...]
    threshold: float | None
    calibration: Calibration | None
    parity: Mapping[str, float]
    data: DataNote
    metrics: Mapping[str, Any]
    usage: str
    created_by: str
    created: str | None = None
    precision: str = "fp32"
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        """Check every value, and bring containers to the form that JSON gives back."""
        assign = object.__setattr__  # the dataclass is frozen
        assign(self, "spec", check.json_value(check.mapping(self.spec, "manifest spec"), "manifest spec"))
        assign(self, "metrics", check.json_value(check.mapping(self.metrics, "manifest metrics"), "manifest metrics"))
        assign(self, "parity", _differences(self.parity))
        assign(self, "attribute_names", _attribute_names(self.attribute_names))
        _check_texts(self)
        check.flag(self.enrolled, "manifest enrolled")
        check.sha256_hex(self.spec_digest, "manifest spec_digest")
        check.whole(self.embedding_size, "manifest embedding_size", least=1, most=65536)
        check.whole(self.format_version, "manifest format_version", least=1)
        if self.precision not in PRECISIONS:
            check.refuse("manifest precision", "fp32 or int8", self.precision)
        _check_threshold(self)
        for name, entry in self.files.items():
            check.sha256_hex(entry.sha256, f"manifest files.{name}.sha256")
            check.whole(entry.size, f"manifest files.{name}.size", least=1)
        if (total := sum(entry.size for entry in self.files.values())) > MOST_BYTES:
            raise BundleError(f"manifest files: expected at most {MOST_BYTES:,} bytes in all, got {total:,}")

    def preprocess_spec(self) -> "PreprocessSpec":
        """The PreprocessSpec of the bundle; BundleError where this facedge does not implement its digest."""
        from facedge.preprocessing.spec import PreprocessSpec

        try:
            spec = PreprocessSpec.from_dict(dict(self.spec))
        except (TypeError, ValueError, KeyError) as problem:
            raise BundleError(_other_spec(self, "none")) from problem
        if spec.digest != self.spec_digest:
            raise BundleError(_other_spec(self, spec.digest))
        return spec

    def to_json(self) -> bytes:
        """The bytes of manifest.json: UTF-8, sorted keys, two-space indent, a newline at the end."""
        content = {"format": FORMAT, **asdict(self)}
        return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Parse the bytes of manifest.json; BundleError in one sentence for anything the format does not allow."""
        content = check.parse_json(data, "manifest.json")
        refuse_other_versions(content)
        return cls.from_content(content)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "Manifest":
        """The manifest of a parsed manifest.json of this format version; BundleError as `from_json`."""
        check.exact_keys(content, _keys(cls) | {"format"}, "manifest.json")
        values = {key: content[key] for key in _keys(cls)}
        values["data"] = _data_note(values["data"])
        values["calibration"] = _calibration(values["calibration"])
        values["files"] = _file_entries(values["files"])
        values["attribute_names"] = _list(values["attribute_names"], "manifest attribute_names")
        return cls(**values)


def refuse_other_versions(content: Mapping[str, Any]) -> None:
    """BundleError for another format or a newer version; checked first, as versions may differ in everything else."""
    if content.get("format") != FORMAT:
        check.refuse("manifest format", repr(FORMAT), content.get("format"))
    version = check.whole(content.get("format_version"), "manifest format_version", least=1)
    if version > FORMAT_VERSION:
        raise BundleError(
            f"this bundle has format version {version}, made by a newer facedge; this one reads version "
            f"{FORMAT_VERSION}: upgrade facedge, or export the bundle again with this version"
        )


def _other_spec(manifest: Manifest, ours: str) -> str:
    return (
        f"this bundle was made with preprocessing {manifest.spec_digest[:12]}, and this facedge implements "
        f"{ours[:12]} for it: re-export with this version, or install the version that made it ({manifest.created_by})"
    )


def _keys(kind: type) -> frozenset[str]:
    return frozenset(item.name for item in fields(kind))


def _list(value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        check.refuse(where, "a list", value)
    return tuple(value)


def _attribute_names(names: object) -> tuple[str, ...]:
    found = _list(names, "manifest attribute_names")
    checked = tuple(check.text(name, "manifest attribute_names", limit=100) for name in found)
    if not checked or len(set(checked)) != len(checked):
        check.refuse("manifest attribute_names", "at least one name, each once", list(checked))
    return checked


def _differences(parity: object) -> dict[str, float]:
    found = check.mapping(parity, "manifest parity")
    return {name: check.number(value, f"manifest parity.{name}", most=float("1e30")) for name, value in found.items()}


def _check_texts(manifest: Manifest) -> None:
    check.text(manifest.name, "manifest name", limit=200)
    check.text(manifest.usage, "manifest usage")
    check.text(manifest.created_by, "manifest created_by", limit=200)
    if manifest.created is not None:
        check.text(manifest.created, "manifest created", limit=40)
    for key in ("name", "licence", "partition"):
        check.text(getattr(manifest.data, key), f"manifest data.{key}")


def _check_threshold(manifest: Manifest) -> None:
    if not manifest.enrolled:
        if manifest.threshold is not None or manifest.calibration is not None:
            check.refuse("manifest threshold", "null, since nobody is enrolled", manifest.threshold)
        return
    check.number(manifest.threshold, "manifest threshold")
    if manifest.calibration is not None:
        _check_calibration(manifest.calibration)


def _check_calibration(calibration: Calibration) -> None:
    where = "manifest calibration"
    _check_interval(calibration, where)
    identities = check.whole(calibration.identities, f"{where}.identities", least=1)
    check.whole(calibration.comparisons, f"{where}.comparisons", least=identities)
    check.text(calibration.method, f"{where}.method")
    for point in calibration.points:
        _check_interval(point, f"{where}.points")
        check.number(point.threshold, f"{where}.points.threshold")
        if point.frr is not None:
            check.number(point.frr, f"{where}.points.frr")


def _check_interval(point: Calibration | OperatingPoint, where: str) -> None:
    check.number(point.far_target, f"{where}.far_target")
    low = check.number(point.far_low95, f"{where}.far_low95")
    check.number(point.far_upper95, f"{where}.far_upper95", least=low)


def _data_note(value: object) -> DataNote:
    found = check.mapping(value, "manifest data")
    check.exact_keys(found, _keys(DataNote), "manifest data")
    return DataNote(**found)


def _calibration(value: object) -> Calibration | None:
    if value is None:
        return None
    found = dict(check.mapping(value, "manifest calibration"))
    check.exact_keys(found, _keys(Calibration), "manifest calibration")
    found["points"] = tuple(_point(item) for item in _list(found["points"], "manifest calibration.points"))
    return Calibration(**found)


def _point(value: object) -> OperatingPoint:
    found = check.mapping(value, "manifest calibration.points")
    check.exact_keys(found, _keys(OperatingPoint), "manifest calibration.points")
    return OperatingPoint(**found)


def _file_entries(value: object) -> dict[str, FileEntry]:
    entries = {}
    for name, entry in check.mapping(value, "manifest files").items():
        found = check.mapping(entry, f"manifest files.{name[:80]}")
        check.exact_keys(found, _keys(FileEntry), f"manifest files.{name[:80]}")
        entries[name] = FileEntry(**found)
    return entries

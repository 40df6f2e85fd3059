"""The description of a bundle that `facedge bundle show` prints."""

from collections.abc import Mapping

from facedge.bundle.manifest import Calibration, Manifest
from facedge.bundle.read import Bundle
from facedge.formatting import file_size, interval, label_text, percent, rate

Row = tuple[str, str]
Section = tuple[str, list[Row]]

FILE_PURPOSES = {
    "backbone.onnx": "face -> embedding and attributes",
    "backbone.int8.onnx": "the same in 8 bits",
    "head.onnx": "embedding -> probability that it is the enrolled person",
    "verifier.onnx": "preprocessing, backbone and head in one graph, for other apps",
    "cohort.npy": "impostor embeddings for calibration",
    "cohort_identities.npy": "the identity of each impostor embedding",
    "enrolled.npy": "embeddings of the person, for adding photos later",
    "calibration.json": "thresholds by number of photos, and under conditions, for enrolling",
    "card.md": "notes of its maker",
    "golden.json": "golden vectors: expected outputs for other hosts",
}


def describe(bundle: Bundle) -> list[Section]:
    """The card of a bundle as titled sections of (label, text) rows."""
    manifest = bundle.manifest
    sections = [
        (manifest.name, _identity(bundle)),
        ("Decision", _decision(manifest)),
        ("Model", _model(manifest)),
        ("Training data", _training_data(manifest)),
        *_measured(manifest),
    ]
    if manifest.parity:
        differences = [(key, f"within {value:.1e}") for key, value in manifest.parity.items()]
        sections.append(("Differences between engines", differences))
    return [*sections, ("Files", _files(bundle))]


def _identity(bundle: Bundle) -> list[Row]:
    manifest = bundle.manifest
    enrolled = "one person" if manifest.enrolled else "nobody yet (a template: run facedge enroll)"
    made = manifest.created_by + (f", {manifest.created}" if manifest.created else "")
    return [("enrolled", enrolled), ("made by", made), ("sha256", bundle.sha256), ("may be used by", manifest.usage)]


def _decision(manifest: Manifest) -> list[Row]:
    if manifest.threshold is None:
        return [("threshold", "none until somebody is enrolled")]
    rows = [("accepts", f"scores of {manifest.threshold:.4f} and above")]
    if manifest.calibration is None:
        return [*rows, ("evidence", "none: the threshold was set by the user")]
    return [*rows, *_evidence(manifest.calibration)]


def _evidence(found: Calibration) -> list[Row]:
    limits = interval(found.far_low95, found.far_upper95)
    rows = [
        ("false accepts", f"{rate(found.far_target)} asked; {limits} with 95 % confidence"),
        ("evidence", f"{found.identities:,} impostors, {found.comparisons:,} comparisons; {found.method}"),
    ]
    for point in sorted(found.points, key=lambda p: -p.far_target):
        missed = f", misses {percent(point.frr)} of me" if point.frr is not None else ""
        rows.append((f"--far {point.far_target:g}", f"scores of {point.threshold:.4f} and above{missed}"))
    return rows


def _model(manifest: Manifest) -> list[Row]:
    size = manifest.spec.get("size", "?")
    names = manifest.attribute_names
    shown = ", ".join(label_text(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return [
        ("input", f"{size}x{size} grey, preprocessing {manifest.spec_digest[:12]}"),
        ("embedding", f"{manifest.embedding_size} numbers"),
        ("attributes", f"{len(names)}: {shown}"),
        ("precision", manifest.precision),
    ]


def _training_data(manifest: Manifest) -> list[Row]:
    data = manifest.data
    return [("trained on", data.name), ("licence", data.licence), ("partition", data.partition)]


def _measured(manifest: Manifest) -> list[Section]:
    """Metrics are any JSON: plain figures in one section, each group of figures in its own."""
    plain = {key: value for key, value in manifest.metrics.items() if not isinstance(value, dict)}
    groups = {key: value for key, value in manifest.metrics.items() if isinstance(value, dict)}
    found = [("Measured", _figures(plain))] if plain else []
    return found + [(_title(key), _figures(value)) for key, value in groups.items()]


def _title(group: str) -> str:
    return "Adopted recogniser" if group == "adopted" else f"Measured: {_spaced(group)}"


def _figures(group: Mapping[str, object]) -> list[Row]:
    rows: list[Row] = []
    for key, value in group.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            rows += [(_spaced(str(item.get("name", key))), _value({**item, "name": None})) for item in value]
        else:
            rows.append((_spaced(key), _value(value)))
    return rows


def _value(value: object) -> str:
    if value is None or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{_spaced(key)} {_value(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _spaced(key: str) -> str:
    return key.replace("_", " ")


def _files(bundle: Bundle) -> list[Row]:
    golden = [len(data) for name, data in bundle.files.items() if name.startswith("golden")]
    rows = [
        (name, _file(len(data), FILE_PURPOSES[name]))
        for name, data in bundle.files.items()
        if not name.startswith("golden")
    ]
    if golden:
        rows.append((f"golden ({len(golden)} files)", _file(sum(golden), FILE_PURPOSES["golden.json"])))
    return rows


def _file(size: int, purpose: str) -> str:
    return f"{file_size(size):>9}  {purpose}"

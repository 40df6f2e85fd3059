"""A bundle as people read it."""

from collections.abc import Mapping

from facedge.bundle.manifest import Calibration, Manifest
from facedge.bundle.reading import Bundle

Row = tuple[str, str]
Section = tuple[str, list[Row]]

WHAT_FILES_DO = {
    "backbone.onnx": "face -> embedding and attributes",
    "backbone.int8.onnx": "the same in 8 bits",
    "head.onnx": "embedding -> is it me?",
    "verifier.onnx": "everything in one graph, for other apps",
    "cohort.npy": "impostor embeddings for calibration",
    "cohort_identities.npy": "who is who among the impostors",
    "enrolled.npy": "embeddings of the person, for more photos later",
    "card.md": "notes of its maker",
    "golden.json": "expected answers for other hosts",
}


def describe(bundle: Bundle) -> list[Section]:
    """The card of a bundle as titled sections of (label, text) rows."""
    manifest = bundle.manifest
    sections = [
        (manifest.name, _identity(bundle)),
        ("Decides", _decides(manifest)),
        ("Reads", _reads(manifest)),
        ("Comes from", _origin(manifest)),
    ]
    sections += _measured(manifest)
    if manifest.parity:
        sections.append(("Same in every engine", [(key, f"within {v:.1e}") for key, v in manifest.parity.items()]))
    return [*sections, ("Holds", _files(bundle))]


def _identity(bundle: Bundle) -> list[Row]:
    manifest = bundle.manifest
    who = "one person" if manifest.enrolled else "nobody yet (a template: run facedge enroll)"
    made = manifest.created_by + (f", {manifest.created}" if manifest.created else "")
    return [("enrolled", who), ("made by", made), ("sha256", bundle.sha256), ("may be used by", manifest.usage)]


def _decides(manifest: Manifest) -> list[Row]:
    if manifest.threshold is None:
        return [("threshold", "none until somebody is enrolled")]
    rows = [("accepts", f"scores of {manifest.threshold:.4f} and above")]
    found = manifest.calibration
    if found is None:
        return [*rows, ("evidence", "none: the threshold was set by hand")]
    return [*rows, *_evidence(found)]


def _evidence(found: Calibration) -> list[Row]:
    interval = f"{_rate(found.far_low95)} to {_rate(found.far_upper95)} with 95 % confidence"
    rows = [
        ("false accepts", f"{_rate(found.far_target)} asked; {interval}"),
        ("evidence", f"{found.identities:,} impostors, {found.comparisons:,} comparisons; {found.method}"),
    ]
    for point in sorted(found.points, key=lambda p: -p.far_target):
        missed = f", misses {_rate(point.frr)} of me" if point.frr is not None else ""
        rows.append((f"--far {point.far_target:g}", f"scores of {point.threshold:.4f} and above{missed}"))
    return rows


def _reads(manifest: Manifest) -> list[Row]:
    size = manifest.spec.get("size", "?")
    names = manifest.attribute_names
    shown = ", ".join(name.replace("_", " ") for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return [
        ("input", f"{size}x{size} grey, preprocessing {manifest.spec_digest[:12]}"),
        ("embedding", f"{manifest.embedding_size} numbers"),
        ("attributes", f"{len(names)}: {shown}"),
        ("precision", manifest.precision),
    ]


def _origin(manifest: Manifest) -> list[Row]:
    data = manifest.data
    return [("trained on", data.name), ("licence", data.licence), ("partition", data.partition)]


def _measured(manifest: Manifest) -> list[Section]:
    """Metrics are any JSON: plain figures in one section, each group of figures in its own."""
    plain = {key: value for key, value in manifest.metrics.items() if not isinstance(value, dict)}
    groups = {key: value for key, value in manifest.metrics.items() if isinstance(value, dict)}
    found = [("Measured", [(_words(key), _value(value)) for key, value in plain.items()])] if plain else []
    return found + [(f"Measured: {_words(key)}", _figures(value)) for key, value in groups.items()]


def _figures(group: Mapping[str, object]) -> list[Row]:
    rows: list[Row] = []
    for key, value in group.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            rows += [(_words(str(item.get("name", key))), _value({**item, "name": None})) for item in value]
        else:
            rows.append((_words(key), _value(value)))
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
        return ", ".join(f"{_words(key)} {_value(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _rate(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _files(bundle: Bundle) -> list[Row]:
    kit = {name: data for name, data in bundle.files.items() if name.startswith("golden")}
    rows = [(name, _file(len(data), WHAT_FILES_DO[name])) for name, data in bundle.files.items() if name not in kit]
    if kit:
        rows.append((f"golden ({len(kit)} files)", _file(sum(map(len, kit.values())), WHAT_FILES_DO["golden.json"])))
    return rows


def _file(size: int, purpose: str) -> str:
    shown = (
        f"{size:,} B" if size < 10_000 else f"{size / 1000:,.0f} kB" if size < 10_000_000 else f"{size / 1e6:,.1f} MB"
    )
    return f"{shown:>9}  {purpose}"

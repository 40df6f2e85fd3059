"""A bundle as people read it."""

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
    if manifest.metrics:
        sections.append(
            ("Measured", [(key.replace("_", " "), _value(value)) for key, value in manifest.metrics.items()])
        )
    if manifest.parity:
        sections.append(("Same in every engine", [(key, f"within {v:.1e}") for key, v in manifest.parity.items()]))
    sections.append(
        ("Holds", [(name, f"{_bytes(len(data)):>9}  {_purpose(name)}") for name, data in bundle.files.items()])
    )
    return sections


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


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_value(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _rate(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _bytes(count: int) -> str:
    return (
        f"{count:,} B"
        if count < 10_000
        else f"{count / 1000:,.0f} kB"
        if count < 10_000_000
        else f"{count / 1e6:,.1f} MB"
    )


def _purpose(name: str) -> str:
    return WHAT_FILES_DO.get(name, "expected answers for other hosts" if name.startswith("golden_") else "")

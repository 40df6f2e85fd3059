"""Holding a bundle against the format, finding by finding: what `facedge bundle check` prints.

`read_bundle` stops at the first thing that is wrong; here everything that can still be looked at is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec

from facedge.bundle import Bundle, Manifest
from facedge.bundle.arrays import check_arrays, read_cohort
from facedge.bundle.graph import inspect_graph
from facedge.bundle.layout import BACKBONES, MANIFEST
from facedge.bundle.reading import check_listing, read_file, read_manifest
from facedge.errors import BundleError, FacedgeError
from facedge.runtime.contract import HEAD, VERIFIER, open_backbone, open_head, open_verifier
from facedge.runtime.golden import GOLDEN, check_golden
from facedge.runtime.verifier_graph import verifier_properties

P = ParamSpec("P")


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it keeps the format, and the sentence about it."""

    what: str
    ok: bool
    message: str


def check_bundle(path: str | Path) -> list[Finding]:
    """Every finding about the bundle directory `path`, in the order a reader would meet them.

    ok=False means that the runtime refuses the bundle, or that a host would get other answers than its golden vectors.
    """
    folder = Path(path)
    try:
        manifest, sha256 = read_manifest(folder)
    except FacedgeError as problem:
        return [Finding(MANIFEST, False, str(problem))]
    files: dict[str, bytes] = {}
    findings = [
        Finding(MANIFEST, True, f"format version {manifest.format_version}, sealed, sha256 {sha256[:12]}"),
        _looked_at("listing", _listing, folder, manifest),
        *(_looked_at(name, _file, folder, name, manifest, files) for name in sorted(manifest.files)),
        _looked_at("preprocessing", _preprocessing, manifest),
    ]
    if all(finding.ok for finding in findings):
        findings += _meaning(Bundle(folder, manifest, files, sha256))
    return findings


def _meaning(bundle: Bundle) -> list[Finding]:
    """What only a bundle with the right bytes can be asked."""
    findings = [_looked_at(f"{name} runs", run, bundle) for name, run in _MODELS.items() if name in bundle.files]
    findings.append(_looked_at("arrays", _arrays, bundle))
    findings.append(_looked_at("evidence", _evidence, bundle.manifest))
    if GOLDEN in bundle.files and all(finding.ok for finding in findings):
        findings.append(_looked_at("golden vectors", check_golden, bundle))
    return findings


def _looked_at(what: str, look: Callable[P, str], *args: P.args, **kwargs: P.kwargs) -> Finding:
    try:
        return Finding(what, True, look(*args, **kwargs))
    except FacedgeError as problem:
        return Finding(what, False, str(problem))


def _listing(folder: Path, manifest: Manifest) -> str:
    check_listing(folder, manifest)
    return f"{len(manifest.files)} files, none missing from the manifest"


def _file(folder: Path, name: str, manifest: Manifest, files: dict[str, bytes]) -> str:
    files[name] = data = read_file(folder, name, manifest.files[name])
    if not name.endswith(".onnx"):
        return f"{len(data):,} bytes, sha256 matches"
    facts = inspect_graph(name, data)
    return (
        f"{len(data):,} bytes, sha256 matches, opset {facts.opset}, {len(facts.operators)} kinds of standard operators"
    )


def _preprocessing(manifest: Manifest) -> str:
    spec = manifest.preprocess_spec()
    return f"{spec.size}x{spec.size}, digest {spec.digest[:12]}, implemented here"


def _arrays(bundle: Bundle) -> str:
    check_arrays(bundle.files, bundle.manifest.embedding_size)
    cohort = read_cohort(bundle.files)
    if cohort is None:
        return "no cohort: the threshold cannot be set anew on a device"
    return f"cohort of {len(cohort[0]):,} embeddings, {len(set(cohort[1].tolist())):,} identities"


def _evidence(manifest: Manifest) -> str:
    found = manifest.calibration
    if not manifest.enrolled:
        return "nobody is enrolled: head.onnx is a template"
    if found is None:
        return "the threshold was set by hand: nothing is known about its FAR"
    return (
        f"FAR {found.far_target:g} asked, at most {found.far_upper95:.2g} by {found.identities:,} impostor identities"
    )


def _backbone(bundle: Bundle, precision: str) -> str:
    open_backbone(bundle, precision)
    return f"image -> embedding ({bundle.manifest.embedding_size}), attributes ({len(bundle.manifest.attribute_names)})"


def _head(bundle: Bundle) -> str:
    open_head(bundle)
    return "embedding -> probability"


def _verifier(bundle: Bundle) -> str:
    open_verifier(bundle)
    manifest = bundle.manifest
    expected = verifier_properties(
        name=manifest.name,
        enrolled=manifest.enrolled,
        threshold=manifest.threshold,
        spec_digest=manifest.spec_digest,
        attribute_names=manifest.attribute_names,
        licence=manifest.data.licence,
        backbone=bundle.files[BACKBONES["fp32"]],
        head=bundle.files[HEAD],
    )
    found = inspect_graph(VERIFIER, bundle.files[VERIFIER]).properties
    for key, value in expected.items():
        if found.get(key) != value:
            raise BundleError(f"{VERIFIER}: property {key} should be {value[:60]!r}, got {found.get(key, '')[:60]!r}")
    return "uint8 image of any size -> embedding, attributes, probability; its properties match the manifest"


_MODELS: dict[str, Callable[[Bundle], str]] = {
    **{name: partial(_backbone, precision=precision) for precision, name in BACKBONES.items()},
    HEAD: _head,
    VERIFIER: _verifier,
}

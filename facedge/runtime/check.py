"""Check a bundle against the format: the findings that `facedge bundle check` prints.

`read_bundle` stops at the first error; `check_bundle` goes on with every check that is still possible.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec

from facedge.bundle import Bundle, Manifest
from facedge.bundle.arrays import check_plain_arrays
from facedge.bundle.calibration_table import read_table
from facedge.bundle.cohort import check_cohort, read_cohort
from facedge.bundle.format import BACKBONES, MANIFEST
from facedge.bundle.onnx_file import inspect_graph
from facedge.bundle.read import check_listing, read_file, read_manifest
from facedge.errors import FacedgeError
from facedge.formatting import counted, percent, rate
from facedge.runtime.embedder import HEAD, VERIFIER, open_backbone, open_head
from facedge.runtime.golden import GOLDEN, check_golden
from facedge.runtime.verifier_onnx import check_verifier

P = ParamSpec("P")


@dataclass(frozen=True)
class Finding:
    """One line: what was checked, whether it keeps the format, and a sentence about it."""

    what: str
    ok: bool
    message: str


def check_bundle(path: str | Path) -> list[Finding]:
    """Every finding about the bundle directory `path`: the manifest, its files, their content, the golden vectors.

    ok=False: the runtime refuses the bundle, or its outputs differ from its golden vectors.
    """
    folder = Path(path)
    try:
        manifest, sha256 = read_manifest(folder)
    except FacedgeError as problem:
        return [Finding(MANIFEST, False, str(problem))]
    files: dict[str, bytes] = {}
    findings = [
        Finding(MANIFEST, True, f"format version {manifest.format_version}, sealed, sha256 {sha256[:12]}"),
        _checked("listing", _listing, folder, manifest),
        *(_checked(name, _file, folder, name, manifest, files) for name in sorted(manifest.files)),
        _checked("preprocessing", _preprocessing, manifest),
    ]
    if all(finding.ok for finding in findings):
        findings += _contents(Bundle(folder, manifest, files, sha256))
    return findings


def _contents(bundle: Bundle) -> list[Finding]:
    """The checks that need every file undamaged: the models run, arrays, evidence, golden vectors."""
    findings = [_checked(f"{name} runs", run, bundle) for name, run in _MODELS.items() if name in bundle.files]
    if VERIFIER not in bundle.files:
        lacking = "not in the bundle, so Node, web and bare Python cannot open it: facedge bundle convert adds it"
        findings.append(Finding(VERIFIER, True, lacking))
    findings.append(_checked("arrays", _arrays, bundle))
    findings.append(_checked("calibration table", _table, bundle))
    findings.append(_checked("evidence", _evidence, bundle.manifest))
    if GOLDEN in bundle.files and all(finding.ok for finding in findings):
        findings.append(_checked("golden vectors", check_golden, bundle))
    return findings


def _checked(what: str, check: Callable[P, str], *args: P.args, **kwargs: P.kwargs) -> Finding:
    try:
        return Finding(what, True, check(*args, **kwargs))
    except FacedgeError as problem:
        return Finding(what, False, str(problem))


def _listing(folder: Path, manifest: Manifest) -> str:
    check_listing(folder, manifest)
    return f"{len(manifest.files)} files, none missing from the manifest"


def _file(folder: Path, name: str, manifest: Manifest, files: dict[str, bytes]) -> str:
    files[name] = data = read_file(folder, name, manifest.files[name])
    size = counted(len(data), "byte")
    if not name.endswith(".onnx"):
        return f"{size}, sha256 matches"
    facts = inspect_graph(name, data)
    return f"{size}, sha256 matches, opset {facts.opset}, {len(facts.operators)} kinds of standard operators"


def _preprocessing(manifest: Manifest) -> str:
    spec = manifest.preprocess_spec()
    return f"{spec.size}x{spec.size}, digest {spec.digest[:12]}, implemented here"


def _arrays(bundle: Bundle) -> str:
    check_plain_arrays(bundle.files)
    check_cohort(bundle.files, bundle.manifest.embedding_size)
    cohort = read_cohort(bundle.files)
    if cohort is None:
        return "no cohort: a device cannot calibrate a threshold with it"
    people = counted(len(set(cohort[1].tolist())), "identity", "identities")
    return f"cohort of {counted(len(cohort[0]), 'embedding')}, {people}"


def _table(bundle: Bundle) -> str:
    table = read_table(bundle.files, bundle.manifest.embedding_size)
    if table is None:
        return "none: enrolling runs trials on the cohort, and conditions such as dark glasses raise no threshold"
    last = table.rows[-1].images
    return f"for enrollments by 1 to {last} images, and under {counted(len(table.conditions), 'condition')}"


def _evidence(manifest: Manifest) -> str:
    found = manifest.calibration
    if not manifest.enrolled:
        return "nobody is enrolled: head.onnx is a template"
    if found is None:
        return "the threshold was set by hand: no FAR is known for it"
    identities = counted(found.identities, "impostor identity", "impostor identities")
    return f"FAR {rate(found.far_target)} asked, at most {percent(found.far_upper95)} by {identities}"


def _backbone(bundle: Bundle, precision: str) -> str:
    open_backbone(bundle, precision)
    return f"image -> embedding ({bundle.manifest.embedding_size}), attributes ({len(bundle.manifest.attribute_names)})"


def _head(bundle: Bundle) -> str:
    open_head(bundle)
    return "embedding -> probability"


_MODELS: dict[str, Callable[[Bundle], str]] = {
    **{name: partial(_backbone, precision=precision) for precision, name in BACKBONES.items()},
    HEAD: _head,
    VERIFIER: check_verifier,
}

"""The manifest: what it accepts, what it refuses, and that JSON Schema and code say the same."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from tiny_bundle import manifest

import facedge.bundle
from facedge.bundle import Calibration, DataNote, FileEntry, Manifest, OperatingPoint
from facedge.bundle.format import MOST_BYTES
from facedge.errors import BundleError

SCHEMA = Path(facedge.bundle.__file__).with_name("manifest.schema.json")
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).filter(
    str.strip
)
rates = st.floats(0, 1)
points = st.builds(
    lambda target, threshold, ends, frr: OperatingPoint(target, threshold, min(ends), max(ends), frr),
    rates, rates, st.tuples(rates, rates), st.none() | rates,
)  # fmt: skip
calibrations = st.builds(
    lambda target, ends, counts, method, more: Calibration(
        target, min(ends), max(ends), min(counts), max(counts), method, tuple(more)
    ),
    rates, st.tuples(rates, rates), st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), words,
    st.lists(points, max_size=3),
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
manifests = st.builds(
    lambda **values: manifest(**values),
    name=words,
    threshold=rates,
    calibration=st.none() | calibrations,
    metrics=st.dictionaries(words, json_values, max_size=4),
    parity=st.dictionaries(words, st.floats(0, 1e6), max_size=3),
    data=st.builds(DataNote, words, words, words),
    created=st.none() | st.just("2026-11-23T18:00:00Z"),
    # Two files of at most half the limit of all together: beyond it a manifest is refused.
    files=st.dictionaries(words, st.builds(FileEntry, st.just("0" * 64), st.integers(1, MOST_BYTES // 2)), max_size=2),
)


@given(manifests)
def test_json_gives_back_the_same_manifest(made: Manifest) -> None:
    again = Manifest.from_json(made.to_json())
    assert again == made
    assert again.to_json() == made.to_json()


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_bundle_error(data: bytes) -> None:
    with pytest.raises(BundleError):
        Manifest.from_json(data)


@given(json_values, st.sampled_from(sorted(json.loads(manifest().to_json()))))
def test_any_value_under_any_key_parses_or_ends_in_a_bundle_error(value: Any, key: str) -> None:
    content = json.loads(manifest().to_json()) | {key: value}
    try:
        made = Manifest.from_json(json.dumps(content).encode())
    except BundleError as problem:
        assert "\n" not in str(problem).replace("\\n", "")
    else:
        assert json.loads(made.to_json())[key] == content[key]


def test_a_template_has_no_threshold() -> None:
    made = manifest(enrolled=False, threshold=None, calibration=None)
    assert Manifest.from_json(made.to_json()) == made
    with pytest.raises(BundleError, match="nobody is enrolled"):
        manifest(enrolled=False, calibration=None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"identities": 0}, "identities: expected a whole number of at least 1"),
        ({"comparisons": 10}, "comparisons: expected a whole number of at least 1000"),
        ({"far_low95": 0.5}, "far_upper95: expected a number from 0.5 to 1"),
        ({"far_target": math.nan}, "far_target: expected a number"),
        ({"method": " "}, "method: expected a text"),
        ({"points": (OperatingPoint(0.1, 1.5, 0.0, 0.1),)}, "points.threshold: expected a number"),
    ],
)
def test_evidence_that_cannot_be_is_refused(change: dict[str, Any], sentence: str) -> None:
    found = manifest().calibration
    assert found is not None
    with pytest.raises(BundleError, match=sentence):
        manifest(calibration=replace(found, **change))


def test_the_schema_knows_exactly_the_keys_of_the_code() -> None:
    schema = json.loads(SCHEMA.read_text())
    content = json.loads(manifest(files={"head.onnx": FileEntry("0" * 64, 1)}).to_json())
    assert set(schema["properties"]) == set(schema["required"]) == set(content)
    for key in ("data", "calibration"):
        part = schema["$defs"][key]
        assert set(part["properties"]) == set(part["required"]) == set(content[key])
    for key, value in (("file", content["files"]["head.onnx"]), ("point", content["calibration"]["points"][0])):
        part = schema["$defs"][key]
        assert set(part["properties"]) == set(part["required"]) == set(value)


@settings(deadline=None)  # the first example imports jsonschema
@given(json_values, st.sampled_from(sorted(json.loads(manifest().to_json()).keys() - {"files"})))
def test_what_the_code_accepts_the_schema_accepts(value: Any, key: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    content = json.loads(manifest(files={"head.onnx": FileEntry("0" * 64, 1)}).to_json()) | {key: value}
    try:
        Manifest.from_json(json.dumps(content).encode())
    except BundleError:
        return
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(content)


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 2}, {"threshold": "x"}, {"enrolled": 1}, {"embedding_size": 0}, {"spec_digest": "abc"},
        {"precision": "fp8"}, {"attribute_names": []}, {"format_version": 2}, {"format": "x"}, {"surprise": 1},
        {"files": {"head.onnx": {"sha256": "0"}}}, {"files": {"../x": {"sha256": "0" * 64, "size": 1}}},
        {"calibration": {}}, {"data": {}}, {"usage": ""},
    ],
    ids=str,
)  # fmt: skip
def test_what_the_schema_refuses_the_code_refuses(change: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    content = json.loads(manifest(files={"head.onnx": FileEntry("0" * 64, 1)}).to_json())
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.validate(content)
    assert not validator.is_valid(content | change)
    if "files" not in change:  # names of files are the reader's business
        with pytest.raises(BundleError):
            Manifest.from_json(json.dumps(content | change).encode())

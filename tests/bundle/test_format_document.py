"""deploy/FORMAT.md describes every key, every file and every limit of the code."""

import json
import re
from pathlib import Path

import pytest

import facedge.bundle
from facedge.bundle import FORMAT_VERSION
from facedge.bundle import format as bundle_format
from facedge.bundle.arrays import MOST_HEADER_BYTES
from facedge.bundle.json_fields import MOST_VALUES, MOST_WHOLE
from facedge.bundle.onnx_file import MOST_DEPTH, MOST_FIELDS, MOST_NODES, MOST_OPSET, MOST_TEXT_BYTES, UNBOUNDED

DOCUMENT = Path(__file__).resolve().parents[2] / "deploy" / "FORMAT.md"
SCHEMA = json.loads(Path(facedge.bundle.__file__).with_name("manifest.schema.json").read_text())


@pytest.fixture(scope="module")
def text() -> str:
    return DOCUMENT.read_text()


def test_every_key_is_explained(text: str) -> None:
    parts = [SCHEMA, *(SCHEMA["$defs"][name] for name in ("data", "calibration", "point", "file"))]
    for key in (key for part in parts for key in part["properties"]):
        assert f"`{key}`" in text, key


def test_every_file_is_explained(text: str) -> None:
    for name in (bundle_format.MANIFEST, bundle_format.SEAL, *bundle_format.REQUIRED, *bundle_format.OPTIONAL):
        assert f"`{name}`" in text, name


def test_schema_and_code_know_the_same_names() -> None:
    pattern = re.compile(SCHEMA["properties"]["files"]["propertyNames"]["pattern"])
    for name in (*bundle_format.REQUIRED, *bundle_format.OPTIONAL, "golden_x.npy"):
        assert pattern.search(name), name
    for name in ("golden_.npy", "x.onnx", "../head.onnx", "head.onnx.data", bundle_format.MANIFEST):
        assert not pattern.search(name), name
        assert not bundle_format.allowed(name), name


def test_the_numbers_are_the_code_s(text: str) -> None:
    assert f"format version {FORMAT_VERSION}" in text
    assert f"opset 1 to {MOST_OPSET}" in text
    assert bundle_format.MOST_BYTES == 1 << 30
    assert bundle_format.MOST_MANIFEST_BYTES == 4 << 20
    for limit in (bundle_format.MOST_BYTES, MOST_HEADER_BYTES, MOST_VALUES, MOST_NODES, MOST_FIELDS):
        assert f"{limit:,}" in text
    assert MOST_WHOLE == 2**53 and "-2^53..2^53" in text
    assert MOST_TEXT_BYTES == 1 << 20 and "above 1 MiB" in text
    assert f"nested at most {MOST_DEPTH} deep" in text
    assert all(f"`{operator}`" in text for operator in UNBOUNDED)

"""The benchmark: everything measured, jobs in turn, figures that add up."""

import json
import time
from pathlib import Path

import pytest

pytest.importorskip("onnx")

import tiny_bundle

from facedge.bundle import read_bundle, write_bundle
from facedge.errors import FacedgeError
from facedge.machine import device_name, peak_memory_mb, usable_cores
from facedge.runtime import bench as bench_module
from facedge.runtime.bench import LINE_HEAD, Benchmark, bench, cold_start, interleaved


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setattr(bench_module, "COLD_STARTS", 1)
    files = tiny_bundle.files() | {"backbone.int8.onnx": tiny_bundle.backbone_onnx()}
    bundle = write_bundle(tmp_path / "a.facedge", files, tiny_bundle.manifest())
    return bench(bundle, seconds=0.0, threads=[1, 2])


def test_everything_is_measured(found: Benchmark) -> None:
    assert {"align", "preprocess", "backbone", "head"} <= set(found.stages)
    assert {kind: list(by) for kind, by in found.backbone.items()} == {"fp32": [1, 2], "int8": [1, 2]}
    assert all(0 < timing.low <= timing.median <= timing.high for timing in found.stages.values())
    assert found.cold_ms > 0
    assert 20 < found.memory_mb < 1000
    assert ("detect" in found.stages) != bool(found.without)


def test_the_row_fits_its_head(found: Benchmark) -> None:
    assert found.line().count("|") == LINE_HEAD.count("|")
    assert found.line().startswith(f"| {device_name()} |")


def test_the_record_is_json(found: Benchmark) -> None:
    record = json.loads(json.dumps(found.to_record()))
    assert record["backbone"]["fp32"]["1"]["runs"] >= 5


def test_jobs_run_in_turn() -> None:
    order: list[str] = []
    interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 0.0)
    assert order[-10:] == ["a", "b"] * 5


def test_medians_are_milliseconds() -> None:
    timing = interleaved({"sleep": lambda: time.sleep(0.005)}, 0.0)["sleep"]
    assert 5 <= timing.median < 50
    assert timing.runs == 5


def test_a_bundle_that_went_away_is_one_sentence(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    (tiny_bundle / "manifest.json").unlink()
    with pytest.raises(FacedgeError, match=r"a fresh process could not load .* missing"):
        cold_start(bundle.path)


def test_this_device() -> None:
    assert device_name().endswith("cores")
    assert usable_cores() >= 1
    assert 10 < peak_memory_mb() < 100_000

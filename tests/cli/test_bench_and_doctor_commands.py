"""`facedge bench` and `facedge doctor` as people and scripts see them."""

import io
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from command_line import Stdin, run
from PIL import Image

from facedge.runtime import bench as bench_module
from facedge.runtime.bench import LINE_HEAD


@pytest.fixture(autouse=True)
def one_cold_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "COLD_STARTS", 1)


def test_bench_ends_in_a_row_for_the_table_of_devices(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "-b", tiny_bundle, "--seconds", "0", "--threads", "1") == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[-3] == LINE_HEAD
    assert lines[-1].startswith("| ")
    assert "Backbone fp32" in shown.out
    assert "busy or hot" in shown.err


def test_bench_json(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "-b", tiny_bundle, "--seconds", "0", "--threads", "1", "--json", "-q") == 0
    shown = capsys.readouterr()
    record = json.loads(shown.out)
    assert {"device", "kernel", "stages", "backbone", "cold_ms", "memory_mb"} <= set(record)
    assert shown.err == ""


def test_doctor_lists_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok       facedge      ")
    assert run("doctor", "--json") == 0
    items = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["name"] for item in items][:3] == ["facedge", "kernel", "onnxruntime"]
    assert all(set(item) == {"name", "state", "text", "remedy"} for item in items)


def test_the_photo_of_bench_comes_from_stdin(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = io.BytesIO()
    Image.new("RGB", (64, 64)).save(target, "PNG")
    monkeypatch.setattr(sys, "stdin", Stdin(target.getvalue()))
    assert run("bench", "-b", tiny_bundle, "--seconds", "0", "--threads", "1", "--photo", "-", "--json") == 0
    assert "decode" in json.loads(capsys.readouterr().out)["stages"]

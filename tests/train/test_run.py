"""Run folders keep what they had when a disk fills up."""

from pathlib import Path

import pytest

from facedge.errors import RunError
from facedge.train.run import replacing


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), RuntimeError("writer: No space left")])
def test_a_full_disk_is_one_sentence_and_loses_nothing(problem: Exception, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("before")
    with pytest.raises(RunError, match="is full: free some space"), replacing(tmp_path / "weights") as temporary:
        temporary.write_text("half")
        raise problem
    assert [p.name for p in tmp_path.iterdir()] == ["weights"]
    assert (tmp_path / "weights").read_text() == "before"


def test_any_other_problem_passes_through_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("before")
    with pytest.raises(KeyError), replacing(tmp_path / "weights"):
        raise KeyError("mine")
    assert (tmp_path / "weights").read_text() == "before"

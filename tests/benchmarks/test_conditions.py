"""The benchmark of conditions runs on real faces, and gives the same figures again."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facedge.enrollment.capture import CheckedPhoto

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.real
@pytest.mark.slow
def test_quick_mode_gives_the_same_table_twice(
    shared_data: Path, detector: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import conditions

    chosen = ["--conditions", "clean", "dark (x 0.12)", "dark glasses"]
    tables: list[str] = []
    for folder in ("first", "second"):
        arguments = ["conditions", str(shared_data / "celeba"), "--quick", *chosen, "-o", str(tmp_path / folder)]
        arguments += ["--before", str(tmp_path / "first" / "conditions.json")] if tables else []
        monkeypatch.setattr(sys, "argv", arguments)
        conditions.main()
        tables.append((tmp_path / folder / "conditions.md").read_text())
    twice = [line.split("|") for line in tables[1].splitlines() if line.startswith("| ")][1:]
    assert ["|".join([*cells[:8], ""]) for cells in twice] == tables[0].splitlines()[-len(twice) :]
    assert all(cells[2:4] == cells[8:10] for cells in twice)
    rows = {line.split("|")[1].strip(): line for line in tables[0].splitlines() if line.startswith("| ")}
    refused, not_enrolled, warned, probes_refused = (cell.split()[0] for cell in rows["clean"].split("|")[4:8])
    assert (refused, not_enrolled, probes_refused) == ("0.0", "0.0", "0.0")
    assert float(warned) < 10  # at most one of twelve
    assert "100.0 %, mostly dark | 100.0 %" in rows["dark (x 0.12)"]
    assert "**" not in rows["dark glasses"]  # 6.5 % before thresholds were raised
    assert float(rows["dark glasses"].split("|")[6].split()[0]) > 80  # share of enrollments with a warning


def test_with_all_photos_nobody_is_compared_with_the_photos_that_enrolled_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import conditions

    groups = conditions.all_groups({3: list("abcdefg"), 5: list("hij")})
    assert groups == [(3, [*"abc"], [*"abc"]), (3, [*"def"], [*"def"]), (5, [*"hij"], [*"hij"])]
    monkeypatch.setattr(
        conditions, "enroll_all", lambda _base, people, _far: [(one, SimpleNamespace(warnings=[])) for one in people]
    )
    monkeypatch.setattr(conditions, "accepts", lambda _enrollment, x: x[:, 0] > 0)
    people = [
        conditions.Presented(
            who,
            tuple(CheckedPhoto(name, None, None) for name in enrolled),
            (*(np.float32([who == 3, 0]) for _ in probes[:2]), "no_face"),
            tuple(probes),
        )
        for who, enrolled, probes in groups
    ]
    base = SimpleNamespace(embedder=SimpleNamespace(embedding_size=2))
    row = conditions.measure(base, "clean", people, 1e-3)
    assert (row.identities, row.enrolled, row.comparisons) == (2, 3, 2 * 2 + 4)  # of each other; 5 against both of 3
    assert row.frr == 0.0  # 3 and its other photos, none with its own
    assert row.far == pytest.approx(4 / 8)
    assert row.probes_refused == pytest.approx(1 / 3)

""".github/workflows by actionlint: syntax, expressions, inputs of actions, runners and their Node that still exist."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def actionlint(*workflows: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("actionlint", path=str(Path(sys.executable).parent)) or shutil.which("actionlint")
    if program is None:
        pytest.skip("no actionlint (pip install 'facedge[dev]')")
    command = [program, "-no-color", *map(str, workflows)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_workflows_have_no_fault() -> None:
    assert {path.stem for path in WORKFLOWS} == {"release", "test"}
    done = actionlint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ubuntu-24.04-arm]", "ubuntu-24.04-leg]"),
        ("matrix.python }}", "matrix.snake }}"),
        ("needs: version", "needs: none"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, right: str, wrong: str) -> None:
    found = 0
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        copy = tmp_path / path.name
        copy.write_text(text.replace(right, wrong))
        found += right in text and actionlint(copy).returncode == 1
    assert found >= 1

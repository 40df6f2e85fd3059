"""The base install is enough: no command of the runtime imports what only training needs, and help is quick."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "onnx", "cv2", "matplotlib", "safetensors", "facedge.train", "facedge.export", "facedge.dataset")
SCRIPT = f"""
import sys
from facedge.cli import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code or 0
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print("HEAVY", heavy, file=sys.stderr)
sys.exit(code)
"""


def imported_by(*args: object) -> tuple[int, str]:
    command = [sys.executable, "-c", SCRIPT, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip().splitlines()[-1]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pytest.importorskip("onnx")
    from PIL import Image
    from tiny_bundle import crop

    Image.fromarray(crop(0)).save(tmp_path / "me.png")
    return tmp_path / "me.png"


def test_the_runtime_imports_nothing_heavy(tiny_bundle: Path, photo: Path) -> None:
    for args in (
        ["verify", photo, "-b", tiny_bundle], ["attributes", photo, "-b", tiny_bundle],
        ["bundle", "show", tiny_bundle], ["bundle", "check", tiny_bundle], ["--help"], ["verify", "--help"], ["doctor"],
    ):  # fmt: skip
        assert imported_by(*args) == (0, "HEAVY []"), args


def test_help_imports_neither_numpy_nor_onnxruntime() -> None:
    script = SCRIPT.replace(repr(HEAVY), repr(("numpy", "onnxruntime", "PIL", *HEAVY)))
    done = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "HEAVY []"


def test_importing_the_package_imports_nothing() -> None:
    script = "import sys; before = set(sys.modules); import facedge; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in done.stdout.split()}
    assert roots - set(sys.stdlib_module_names) == {"facedge"}
    assert "facedge." not in done.stdout

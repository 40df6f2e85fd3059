"""libfacedge in a program whose locale writes numbers with a comma: thresholds are read and written with a point."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from facedge.bundle import read_bundle

SCRIPT = """
import ctypes, locale, sys
locale.setlocale(locale.LC_ALL, "xx_XX")
assert locale.localeconv()["decimal_point"] == ","
sys.path.insert(0, sys.argv[1])
import numpy
from libfacedge import Decision, Image, Library
library = Library(sys.argv[2], sys.argv[3], None)
crop = numpy.random.default_rng(0).integers(0, 256, (218, 178, 3), numpy.uint8)
image, decision = Image(crop.ctypes.data, 218, 178, crop.strides[0]), Decision()
status = library.c.facedge_verify(
    library.open(sys.argv[4]), ctypes.byref(image), ctypes.byref(decision), library.why, 512
)
print(status, decision.threshold)
"""


@pytest.fixture
def comma(tmp_path: Path) -> dict[str, str]:
    """An environment with a locale xx_XX, as localedef makes it of the German one."""
    if not shutil.which("localedef") or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("no localedef with its sources (apt install locales)")
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(tmp_path / "xx_XX")]
    subprocess.run(command, check=False, capture_output=True)  # it warns, and exits with 1 for that
    if not (tmp_path / "xx_XX" / "LC_NUMERIC").exists():
        pytest.skip("localedef made no locale here")
    return {**os.environ, "LOCPATH": str(tmp_path)}


def test_the_threshold_is_not_cut_at_its_point(
    built: Path, engine: str, tiny_bundle: Path, comma: dict[str, str]
) -> None:
    support = Path(__file__).resolve().parents[1] / "support"
    words = [support, built / "libfacedge.so.0", engine, tiny_bundle]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], env=comma, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["0", str(read_bundle(tiny_bundle).manifest.threshold)], done.stderr

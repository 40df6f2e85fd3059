"""The committed golden outputs: bits that no change may move without a new algorithm number."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedge.preprocessing import PreprocessSpec, kernel
from facedge.preprocessing.spec import ALGORITHM

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden" / "preprocess.json").read_text())


def test_the_golden_outputs_are_of_this_algorithm() -> None:
    assert GOLDEN["algorithm"] == ALGORITHM


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['image']}-{case['size']}")
def test_golden_outputs(case: dict[str, Any], implementation: str) -> None:
    y, x, c = np.ogrid[: case["image"][0], : case["image"][1], : case["image"][2]]
    image = ((y * 31 + x * 17 + c * 101 + y * x * 7) % 256).astype(np.uint8)
    box = tuple(case["box"] or PreprocessSpec().box_for(*image.shape[:2]))
    for dtype in ("float32", "uint8"):
        out = np.empty((1, *case["size"]), dtype)
        kernel.run(image[None], box, out, implementation)  # type: ignore[arg-type]
        assert hashlib.sha256(out).hexdigest() == case[dtype], dtype

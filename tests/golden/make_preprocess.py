"""Writes preprocess.json beside this file: sha256 of outputs of the numpy reference, for any engine to be held to.

    python tests/golden/make_preprocess.py

Images come from a formula, so that C, JavaScript and Python can make them alike:
value(y, x, c) = (y * 31 + x * 17 + c * 101 + y * x * 7) mod 256.
Run it again only when the definition changes, together with ALGORITHM in facedge/preprocessing/spec.py.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from facedge.preprocessing import PreprocessSpec, reference
from facedge.preprocessing.spec import ALGORITHM
from facedge.types import UInt8Array

CASES: list[dict[str, Any]] = [
    # height, width, channels; box in 1/256 pixel, or None for the crop of the default spec; outputs
    {"image": [218, 178, 3], "box": None, "size": [64, 64]},
    {"image": [109, 89, 3], "box": None, "size": [64, 64]},
    {"image": [218, 178, 3], "box": None, "size": [112, 112]},
    {"image": [218, 178, 1], "box": None, "size": [64, 64]},
    {"image": [218, 178, 3], "box": [0, 0, 45568, 55808], "size": [64, 64]},
    {"image": [300, 400, 3], "box": [1001, 2003, 99007, 70001], "size": [64, 64]},
    {"image": [40, 50, 3], "box": [300, 500, 9001, 8003], "size": [96, 80]},
    {"image": [1000, 24, 3], "box": [0, 0, 6144, 256000], "size": [32, 32]},
]


def image(height: int, width: int, channels: int) -> UInt8Array:
    y, x, c = np.ogrid[:height, :width, :channels]
    return ((y * 31 + x * 17 + c * 101 + y * x * 7) % 256).astype(np.uint8)


def outputs(case: dict[str, Any]) -> dict[str, str]:
    """sha256 of the float32 (little-endian) and uint8 outputs, row by row."""
    height, width, channels = case["image"]
    x0, y0, x1, y1 = case["box"] or PreprocessSpec().box_for(height, width)
    total = reference.accumulate(image(height, width, channels)[None], (x0, y0, x1, y1), *case["size"])
    floats = np.ascontiguousarray(reference.normalise(total), dtype="<f4")
    grey = np.ascontiguousarray(reference.to_bytes(total))
    return {"float32": hashlib.sha256(floats).hexdigest(), "uint8": hashlib.sha256(grey).hexdigest()}


def main() -> None:
    golden = {"algorithm": ALGORITHM, "cases": [{**case, **outputs(case)} for case in CASES]}
    path = Path(__file__).with_suffix("").with_name("preprocess.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()

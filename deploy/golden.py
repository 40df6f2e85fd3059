"""Check that onnxruntime and numpy alone, without facedge, reproduce a bundle's golden vectors.

python deploy/golden.py NAME.facedge [DEBUG.onnx]

DEBUG.onnx is a debug build of verifier.onnx, whose output `tensor` must have the same bits. Prints a JSON object
a case; `outputs_off` is the largest difference, of values beyond 1 as a share of them. Exit code 0: reproduced, 1: not.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, which would start it
import numpy as np
import onnxruntime

bundle, *debug = map(Path, sys.argv[1:])
golden = json.loads((bundle / "golden.json").read_text())
if not all("verifier" in case for case in golden["cases"]):
    sys.exit("golden.json has no outputs of verifier.onnx: run facedge bundle convert")
verifier = onnxruntime.InferenceSession(str(bundle / "verifier.onnx"))
inside = onnxruntime.InferenceSession(str(debug[0])) if debug else None
outputs = ["embedding", "attributes", "probability", "quality"]
passed = True
for case in golden["cases"]:
    image = np.load(bundle / case["image"])[None]
    differences = []
    for name, value in zip(outputs, verifier.run(outputs, {"image": image}), strict=True):
        answer = np.float32(case["verifier"][name])
        differences.append((np.abs(value[0] - answer) / np.maximum(1, np.abs(answer))).max())
    off = float(np.max(differences))  # NaN where an output is none: `max` would lose it
    result: dict[str, object] = {"case": case["name"], "outputs_off": off}
    if inside:
        (tensor,) = inside.run(["tensor"], {"image": image})
        expected = np.load(bundle / case["tensor"])
        result["tensor_values_off"] = int((tensor.view(np.uint32) != expected.view(np.uint32)).sum())
    print(json.dumps(result))
    passed &= off <= golden["tolerance"] and not result.get("tensor_values_off")
sys.exit(not passed)

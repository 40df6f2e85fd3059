"""Check that onnxruntime and numpy alone, without facedge, reproduce a bundle's golden vectors.

python deploy/golden.py NAME.facedge [DEBUG.onnx]

DEBUG.onnx is a debug build of verifier.onnx, whose extra output `tensor` must have the same bits. Prints a JSON object
a case; exit code 0: reproduced, 1: not.
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
verifier = onnxruntime.InferenceSession(str(debug[0] if debug else bundle / "verifier.onnx"))
outputs = ["embedding", "attributes", "probability"]
passed = True
for case in golden["cases"]:
    image = np.load(bundle / case["image"])[None]
    found = dict(zip(outputs, verifier.run(outputs, {"image": image}), strict=True))
    off = max(float(np.abs(found[name][0] - np.float32(case[name])).max()) for name in outputs)
    result: dict[str, object] = {"case": case["name"], "outputs_off": off}
    if debug:
        (tensor,) = verifier.run(["tensor"], {"image": image})
        expected = np.load(bundle / case["tensor"])
        result["tensor_values_off"] = int((tensor.view(np.uint32) != expected.view(np.uint32)).sum())
    print(json.dumps(result))
    passed &= off <= golden["tolerance"] and not result.get("tensor_values_off")
sys.exit(not passed)

"""Does onnxruntime alone give a bundle's golden vectors? The Python of README.md held to them, without facedge.

python deploy/golden.py NAME.facedge [DEBUG.onnx]

DEBUG.onnx is a debug build of verifier.onnx, whose extra output `tensor` must have the very bits. Prints a JSON object
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
fine = True
for case in golden["cases"]:
    image = np.load(bundle / case["image"])[None]
    answers = dict(zip(outputs, verifier.run(outputs, {"image": image}), strict=True))
    off = max(float(np.abs(answers[name][0] - np.float32(case[name])).max()) for name in outputs)
    said: dict[str, object] = {"case": case["name"], "outputs_off": off}
    if debug:
        (tensor,) = verifier.run(["tensor"], {"image": image})
        expected = np.load(bundle / case["tensor"])
        said["tensor_values_off"] = int((tensor.view(np.uint32) != expected.view(np.uint32)).sum())
    print(json.dumps(said))
    fine &= off <= golden["tolerance"] and not said.get("tensor_values_off")
sys.exit(not fine)

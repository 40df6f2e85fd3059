"""Do the golden vectors of a bundle come out on this machine? `run.sh` calls it with an aarch64 Python.

One line for each case, one for the machine and one for the whole; exit code 1 where the tensor has another bit, an
output is off by more than 1e-5, or the kernel is not the one that this machine should run.
"""

import platform
import sys
from pathlib import Path

import numpy as np
import onnxruntime

import facedge
from facedge.bundle import read_bundle
from facedge.preprocessing import implementation_name
from facedge.runtime.embedder import VERIFIER, Embedder, open_head, open_verifier
from facedge.runtime.golden import GoldenCase, read_golden

OUTPUTS_OFF = 1e-5


def main(path: str) -> int:
    """Reproduce the golden vectors of the bundle at `path`; the exit code."""
    bundle = read_bundle(Path(path))
    _, cases = read_golden(bundle.files)
    embedder, head = Embedder(bundle, precision="fp32"), open_head(bundle)
    whole = open_verifier(bundle) if VERIFIER in bundle.files else None
    print(f"facedge {facedge.__version__}, onnxruntime {onnxruntime.__version__}, numpy {np.__version__}", flush=True)
    bits, worst = 0, 0.0
    for case in cases:
        tensor = embedder.prepare(case.image[None])
        embedding, attributes = embedder.infer(tensor)
        off = outputs_off(case, embedding, attributes, head.run(["probability"], {"embedding": embedding})[0])
        if whole:
            names = ["embedding", "attributes", "probability"]
            off = max(off, outputs_off(case, *whole.run(names, {"image": case.image[None]})))
        different = int((tensor.view(np.uint32) ^ case.tensor.view(np.uint32)).astype(bool).sum())
        found = f"{different} of {tensor.size} values of the tensor differ, outputs by {off:.1e}"
        print(f"{case.name:8} {found}", flush=True)
        bits, worst = bits + different, max(worst, off)
    print(f"machine: {platform.machine()}, kernel: {implementation_name()}")
    expected = "neon" if platform.machine() == "aarch64" else implementation_name()
    fine = bits == 0 and worst <= OUTPUTS_OFF and implementation_name() == expected
    verdict = "fine" if fine else "wrong"
    print(f"{verdict}: {bits} values off in {len(cases)} tensors, outputs off by at most {worst:.1e}")
    return 0 if fine else 1


def outputs_off(case: GoldenCase, embedding: np.ndarray, attributes: np.ndarray, probability: np.ndarray) -> float:
    """The largest absolute difference from the case's outputs; NaN counts as infinite."""
    pairs = ((embedding, case.embedding), (attributes, case.attributes), (probability, case.probability))
    worst = float(np.max([np.abs(found[0] - expected).max() for found, expected in pairs]))
    return worst if worst == worst else float("inf")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

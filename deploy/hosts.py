"""Check every host of this folder against a bundle's golden vectors, and print one table.

python deploy/hosts.py NAME.facedge          # needs facedge and onnx; the bundle needs the test kit (golden.json)

A host whose tools are not installed is listed with what to install. FACEDGE_ONNXRUNTIME_AARCH64 is the
libonnxruntime.so of the aarch64 wheel. Exit code 1 where a host gives other bits of the tensor, or outputs off by more
than the bundle allows.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tools"))
try:
    import numpy as np
    import onnx  # noqa: F401  (facedge builds verifier.onnx with it)
    import onnxruntime
    import web_page
    from absent import AbsentError
    from emulated_pi import emulated

    from facedge.bundle import Bundle, read_bundle
    from facedge.export.verifier_graph import verifier_onnx
    from facedge.runtime.embedder import Embedder, open_head
    from facedge.runtime.golden import GoldenCase, read_golden
except ModuleNotFoundError as problem:
    sys.exit(f"hosts.py needs {problem.name}: pip install facedge onnx")

OUTPUTS = ("embedding", "attributes", "probability")
Results = list[dict[str, Any]]  # for each case tensor_values_off and outputs_off


def run_check(command: list[str], folder: Path = HERE, **environment: str) -> Results:
    """Run a host's own check of the golden vectors and read the JSON lines that it prints."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise AbsentError((done.stderr.strip() or "no answer").splitlines()[-1])
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(case: GoldenCase, tensor: Any, *outputs: Any) -> dict[str, Any]:
    """One case as the hosts print it: values of the tensor with other bits, and the largest error of the outputs."""
    got = np.asarray(tensor, np.float32).ravel().view(np.uint32)
    expected = case.tensor.ravel().view(np.uint32)
    off = [np.abs(np.float32(a) - getattr(case, n)).max() for n, a in zip(OUTPUTS, outputs, strict=True)]
    return {"tensor_values_off": int((got != expected).sum()), "outputs_off": float(max(off))}


def with_facedge(bundle: Bundle, _debug: Path, _scratch: Path) -> Results:
    """The package: the kernel, then backbone and head."""
    embedder, head = Embedder(bundle, precision="fp32"), open_head(bundle)
    found = []
    for case in read_golden(bundle.files)[1]:
        tensor = embedder.prepare(case.image[None])
        embedding, attributes = embedder.infer(tensor)
        (probability,) = head.run(["probability"], {"embedding": embedding})
        found.append(compare(case, tensor, embedding[0], attributes[0], probability[0, 0]))
    return found


def bare_python(bundle: Bundle, debug: Path, _scratch: Path) -> Results:
    """golden.py with onnxruntime and numpy alone."""
    return run_check([sys.executable, "-I", str(HERE / "golden.py"), str(bundle.path), str(debug)])


def c_here(bundle: Bundle, _debug: Path, scratch: Path) -> Results:
    """c/, built for this machine, with the library of the installed onnxruntime."""
    library = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"), None)
    if library is None or not shutil.which("make"):
        raise AbsentError("needs make, a C compiler and an onnxruntime wheel with libonnxruntime.so")
    subprocess.run(["make", "-s", "-C", str(HERE / "c"), f"OUT={scratch}/c"], check=True)
    return run_check([f"{scratch}/c/facedge-golden", str(bundle.path)], FACEDGE_ONNXRUNTIME=str(library))


def c_on_a_pi(bundle: Bundle, _debug: Path, scratch: Path) -> Results:
    """c/, built for aarch64, under qemu."""
    library, compiler = os.environ.get("FACEDGE_ONNXRUNTIME_AARCH64"), "aarch64-linux-gnu-gcc"
    if not library or not shutil.which(compiler):
        raise AbsentError(f"needs {compiler} (apt install gcc-aarch64-linux-gnu) and FACEDGE_ONNXRUNTIME_AARCH64")
    subprocess.run(["make", "-s", "-C", str(HERE / "c"), f"OUT={scratch}/arm", f"CC={compiler}"], check=True)
    command, why_not = emulated(scratch / "arm" / "facedge-golden", scratch)
    if why_not:
        raise AbsentError(why_not)
    return run_check([*command, str(bundle.path)], FACEDGE_ONNXRUNTIME=library)


def node(bundle: Bundle, debug: Path, _scratch: Path) -> Results:
    """node/, with onnxruntime-node."""
    if not shutil.which("node") or not (HERE / "node" / "node_modules").is_dir():
        raise AbsentError("needs node, and `ONNXRUNTIME_NODE_INSTALL=skip npm ci` in deploy/node")
    return run_check(["node", "golden.js", str(bundle.path), str(debug)], HERE / "node")


def chromium(bundle: Bundle, debug: Path, scratch: Path) -> Results:
    """web/, built and served on loopback, in headless Chromium with onnxruntime-web."""
    browser = web_page.chromium()
    site = scratch / "site"
    built = web_page.run_build(bundle.path, "-o", site)
    if built.returncode != 0:
        raise AbsentError(built.stderr.strip().splitlines()[-1])
    answers = web_page.golden_answers(bundle, debug.read_bytes(), site, browser, scratch)
    pairs = zip(read_golden(bundle.files)[1], answers, strict=True)
    return [compare(case, here["tensor"], *(here[name] for name in OUTPUTS)) for case, here in pairs]


HOSTS: dict[str, Callable[[Bundle, Path, Path], Results]] = {
    "Python, facedge": with_facedge,
    "Python, bare": bare_python,
    "C, this machine": c_here,
    "C, aarch64 under qemu": c_on_a_pi,
    "Node": node,
    "Chromium": chromium,
}


def main(path: Path) -> int:
    """Print the table; 1 where a host fails its check."""
    bundle = read_bundle(path.resolve())
    tolerance, cases = read_golden(bundle.files)
    graphs = bundle.files["backbone.onnx"], bundle.files["head.onnx"]
    debug_build = verifier_onnx(*graphs, bundle.manifest.preprocess_spec(), {}, debug=True)
    wrong = 0
    print(f"{'host':24}{'tensor values off':>18}{'outputs off by':>16}   {len(cases)} images of {path.name}")
    for host, check in HOSTS.items():
        with tempfile.TemporaryDirectory() as temporary:
            debug = Path(temporary) / "debug.onnx"
            debug.write_bytes(debug_build)
            try:
                results = check(bundle, debug, Path(temporary))
            except AbsentError as reason:
                print(f"{host:24}not tried: {reason}")
                continue
        values, off = sum(case["tensor_values_off"] for case in results), max(case["outputs_off"] for case in results)
        wrong += len(results) != len(cases) or values != 0 or not off <= tolerance
        print(f"{host:24}{values:18}{off:16.1e}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""Check every host of this folder against a bundle's golden vectors and on whole photos, and print one table.

python deploy/hosts.py NAME.facedge                    # needs facedge and onnx; the bundle needs golden.json
python deploy/hosts.py NAME.facedge --photos FOLDER    # FOLDER/PERSON/*.jpg, such as LFW; the bundle needs a cohort

With --photos twelve people are enrolled by Python, and each is verified with a photo of theirs and one of somebody
else's: the bytes of the crops that differ from Python's, the decisions and the scores; and the median time of a photo
as a share of Python's in the same run. A host whose tools are not installed is listed with what to install.
FACEDGE_ONNXRUNTIME_AARCH64 is the libonnxruntime.so of the aarch64 wheel. Exit code 1 where a host gives other bits of
the tensor, outputs off by more than the bundle allows, or another decision.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tools"))
try:
    import numpy as np
    import onnx  # noqa: F401  (facedge builds verifier.onnx with it)
    import onnxruntime
    import photo_check
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
Photos = Callable[[Sequence["photo_check.Person"], Path], list["photo_check.Answer"]]


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
    return {"tensor_values_off": int((got != expected).sum()), "outputs_off": float(np.max(off))}


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


def build_c(scratch: Path) -> tuple[Path, str]:
    """c/, built for this machine: the folder, and the library of the installed onnxruntime."""
    library = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"), None)
    if library is None or not shutil.which("make"):
        raise AbsentError("needs make, a C compiler and an onnxruntime wheel with libonnxruntime.so")
    subprocess.run(["make", "-s", "-C", str(HERE / "c"), f"OUT={scratch}/c"], check=True)
    return scratch / "c", str(library)


def c_here(bundle: Bundle, _debug: Path, scratch: Path) -> Results:
    """c/ on this machine."""
    folder, library = build_c(scratch)
    return run_check([str(folder / "facedge-golden"), str(bundle.path)], FACEDGE_ONNXRUNTIME=library)


def c_here_photos(people: Sequence["photo_check.Person"], scratch: Path) -> list["photo_check.Answer"]:
    """facedge-c on this machine."""
    folder, library = build_c(scratch)
    return photo_check.c_program([str(folder / "facedge-c")], library)(people, scratch)


def build_for_a_pi(program: str, scratch: Path) -> tuple[list[str], str]:
    """c/, built for aarch64: the command that runs one of its programs under qemu, and onnxruntime's library."""
    library, compiler = os.environ.get("FACEDGE_ONNXRUNTIME_AARCH64"), "aarch64-linux-gnu-gcc"
    if not library or not shutil.which(compiler):
        raise AbsentError(f"needs {compiler} (apt install gcc-aarch64-linux-gnu) and FACEDGE_ONNXRUNTIME_AARCH64")
    subprocess.run(["make", "-s", "-C", str(HERE / "c"), f"OUT={scratch}/arm", f"CC={compiler}"], check=True)
    command, why_not = emulated(scratch / "arm" / program, scratch)
    if why_not:
        raise AbsentError(why_not)
    return command, library


def c_on_a_pi(bundle: Bundle, _debug: Path, scratch: Path) -> Results:
    """c/ under qemu."""
    command, library = build_for_a_pi("facedge-golden", scratch)
    return run_check([*command, str(bundle.path)], FACEDGE_ONNXRUNTIME=library)


def c_on_a_pi_photos(people: Sequence["photo_check.Person"], scratch: Path) -> list["photo_check.Answer"]:
    """facedge-c under qemu."""
    command, library = build_for_a_pi("facedge-c", scratch)
    return photo_check.c_program(command, library)(people, scratch)


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
PHOTOS: dict[str, Photos] = {
    "Python, facedge": photo_check.with_facedge,
    "Python, bare": photo_check.bare_python,
    "C, this machine": c_here_photos,
    "C, aarch64 under qemu": c_on_a_pi_photos,
    "Node": photo_check.in_node,
    "Chromium": photo_check.in_chromium,
}
# onnxruntime-web and onnxruntime for aarch64 give the detector's outputs with other last digits: where a coordinate
# lies in the middle of two steps (facedge/faces/boxes.py), a crop may differ.
OTHER_CROPS = ("Chromium", "C, aarch64 under qemu")


def golden_cells(host: str, bundle: Bundle, debug: bytes, scratch: Path) -> tuple[str, bool]:
    """Two columns of the table, and whether they are as they must be."""
    tolerance, cases = read_golden(bundle.files)
    (scratch / "debug.onnx").write_bytes(debug)
    results = HOSTS[host](bundle, scratch / "debug.onnx", scratch)
    values, off = sum(case["tensor_values_off"] for case in results), max(case["outputs_off"] for case in results)
    return f"{values:9}{off:13.1e}", len(results) == len(cases) and values == 0 and off <= tolerance


def photo_cells(
    host: str, people: Sequence["photo_check.Person"], scratch: Path, python_ms: float
) -> tuple[str, bool, float]:
    """Four columns of the table, whether the decisions are Python's, and the median milliseconds."""
    found = photo_check.compare(people, PHOTOS[host](people, scratch))
    crops = "given" if found.crop_bytes is None else str(found.crop_bytes)
    share = found.ms / (python_ms or found.ms)
    text = f"{crops:>12}{found.decisions:15}{found.score:12.1e}{share:11.2f}"
    return text, found.decisions == 0 and (host in OTHER_CROPS or not found.crop_bytes), found.ms


def main(path: Path, photos: Path | None) -> int:
    """Print the table; 1 where a host fails its check."""
    bundle = read_bundle(path.resolve())
    graphs = bundle.files["backbone.onnx"], bundle.files["head.onnx"]
    debug = verifier_onnx(*graphs, bundle.manifest.preprocess_spec(), {}, debug=True)
    wrong, python_ms = 0, 0.0
    print(f"{'':23}  golden vectors        24 photos\n{'host':23}  tensor  outputs off", end="")
    print("  crop bytes  decisions off  scores off  ms/Python" if photos else "")
    with tempfile.TemporaryDirectory() as shared:
        people = photo_check.enroll_people(photos, bundle, Path(shared)) if photos else []
        for host in HOSTS:
            with tempfile.TemporaryDirectory() as temporary:
                try:
                    cells, good = golden_cells(host, bundle, debug, Path(temporary))
                    if people and host in PHOTOS:
                        more, same, ms = photo_cells(host, people, Path(temporary), python_ms)
                        cells, good, python_ms = cells + more, good and same, python_ms or ms
                except AbsentError as reason:
                    cells, good = f"  not tried: {reason}", True
            wrong += not good
            print(f"{host:23}{cells}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--photos", type=Path)
    options = parser.parse_args()
    sys.exit(main(options.bundle, options.photos))

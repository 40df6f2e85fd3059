"""The Node host: golden vectors to the bit, facedge's decisions, and no spoiled bundle is opened."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
import tiny_bundle
from bundle_mutations import fresh, mutations, sound_texts
from node_host import HOST, node, require_node, run_module, verifier
from PIL import Image

from facedge.bundle import write_bundle
from facedge.imaging import load_rgb
from facedge.runtime.verifier import load

pytestmark = pytest.mark.usefixtures("node_bundle")


def test_golden_vectors_to_the_bit(node_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "debug.onnx").write_bytes(verifier(tiny_bundle.files(), debug=True))
    done = node("golden.js", node_bundle, tmp_path / "debug.onnx")
    assert done.returncode == 0, done.stderr
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(cases) >= 3
    for case in cases:
        assert case["tensor_values_off"] == 0 and case["outputs_off"] <= 1e-4


def test_a_wrong_golden_vector_is_noticed(node_bundle: Path, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in node_bundle.iterdir() if not path.name.startswith("manifest")}
    kit = json.loads(files["golden.json"])
    kit["cases"][2]["verifier"]["attributes"][1] += 2e-4
    files["golden.json"] = json.dumps(kit).encode()
    other = write_bundle(tmp_path / "other.facedge", files, tiny_bundle.manifest()).path
    done = node("golden.js", other)
    assert done.returncode == 1
    assert [json.loads(line)["outputs_off"] > 1e-4 for line in done.stdout.splitlines()] == [False, False, True]


def test_decisions_are_those_of_facedge(node_bundle: Path, tmp_path: Path) -> None:
    ours = load(node_bundle)
    paths, scores = [], []
    for seed in range(4):
        paths.append(tmp_path / f"{seed}.jpg")
        Image.fromarray(tiny_bundle.crop(seed)).save(paths[-1], quality=95, subsampling=0)
        scores.append(float(ours.score(ours.embed(load_rgb(paths[-1])[None]))[0]))
    done = node("verify.js", node_bundle, *paths)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and [s["probe"] for s in said] == [str(path) for path in paths]
    assert [s["decision"] for s in said] == ["accept" if s >= 0.5 else "reject" for s in scores]
    assert said[0]["decision"] == "accept" and "accept" not in [s["decision"] for s in said[1:]]
    assert np.abs(np.array([s["score"] for s in said]) - scores).max() < 0.02  # another JPEG decoder: a level or so
    assert node("verify.js", node_bundle, paths[0]).returncode == 0


def test_an_almost_flat_image_is_refused_as_facedge_refuses_it(node_bundle: Path, tmp_path: Path) -> None:
    """Its score alone would accept it."""
    ours = load(node_bundle)
    flat = (128 + 0.05 * (tiny_bundle.crop(0).astype(float) - 128)).astype(np.uint8)
    Image.fromarray(flat).save(tmp_path / "flat.jpg", quality=95, subsampling=0)
    crop = load_rgb(tmp_path / "flat.jpg")
    assert float(ours.score(ours.embed(crop[None]))[0]) > ours.threshold
    assert ours.verify(crop, aligned=True).reason == "low_quality"
    done = node("verify.js", node_bundle, tmp_path / "flat.jpg")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert (said["decision"], said["score"], said["reason"]) == ("reject", None, "low_quality")


def test_a_bundle_without_a_fitting_verifier_names_the_remedy(node_bundle: Path, tmp_path: Path) -> None:
    model = onnx.load_from_string((node_bundle / "verifier.onnx").read_bytes())
    del model.graph.output[3]
    for graph in ({}, {"verifier.onnx": model.SerializeToString()}):
        path = write_bundle(tmp_path / "early.facedge", {**tiny_bundle.files(), **graph}, tiny_bundle.manifest()).path
        done = node("verify.js", path, tmp_path / "none.jpg")
        assert done.returncode == 2 and "facedge bundle convert" in done.stderr


def test_nobody_enrolled_is_an_error(tmp_path: Path) -> None:
    files = tiny_bundle.files()
    files["verifier.onnx"] = verifier(files)
    manifest = tiny_bundle.manifest(enrolled=False, threshold=None, calibration=None)
    path = write_bundle(tmp_path / "t.facedge", files, manifest).path
    Image.fromarray(tiny_bundle.crop(0)).save(tmp_path / "0.jpg")
    done = node("verify.js", path, tmp_path / "0.jpg")
    assert done.returncode == 2 and "nobody is enrolled" in done.stderr and done.stdout == ""


@pytest.mark.slow
def test_bad_bundles_are_refused(node_bundle: Path, tmp_path: Path) -> None:
    """The whole shared set, in one process of node: each ends in a BundleError of one line, in a second at most."""
    folders = []
    for number, mutation in enumerate(mutations(node_bundle, 60)):
        folders.append(fresh(node_bundle, tmp_path / str(number) / "tiny.facedge"))
        mutation.spoil(folders[-1])
        (folders[-1].parent / "name.txt").write_text(mutation.name)
    script = (
        f"const {{ readBundle, BundleError }} = await import({json.dumps((HOST / 'facedge.js').as_uri())});"
        "const { readFileSync, readdirSync } = await import('node:fs');"
        "const folder = process.argv[1]; let refused = 0;"
        "for (const number of readdirSync(folder)) {"
        "  const name = readFileSync(`${folder}/${number}/name.txt`, 'utf8');"
        "  const start = process.cpuUsage();"
        "  try { await readBundle(`${folder}/${number}/tiny.facedge`); console.log('opened', name); }"
        "  catch (e) {"
        "    if (e instanceof BundleError && !e.message.includes('\\n')) refused += 1;"
        "    else console.log(name, e);"
        "  }"
        "  const { user, system } = process.cpuUsage(start);"
        "  if (user + system > 1e6) console.log('slow', name, user + system);"
        "}"
        "console.log('refused', refused);"
    )
    command = ["node", "--input-type=module", "-e", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"refused {len(folders)}\n" and len(folders) >= 250


def test_other_texts_of_numbers_are_read(node_bundle: Path, tmp_path: Path) -> None:
    script = (
        "const { readBundle } = await import('HOST/facedge.js');"
        "console.log(JSON.stringify(await readBundle(process.argv[1]).then(() => 'read', (e) => e.message)));"
    )
    for name, folder in sound_texts(node_bundle, tmp_path / "tiny.facedge"):
        assert run_module(script, folder) == "read", name


def test_a_verifier_of_another_person_is_refused(node_bundle: Path, tmp_path: Path) -> None:
    """verifier.onnx decides in this host: its head must be the bundle's."""
    files = {path.name: path.read_bytes() for path in node_bundle.iterdir() if not path.name.startswith("manifest")}
    files["verifier.onnx"] = verifier(tiny_bundle.files(head__onnx=tiny_bundle.head_onnx(me=1)))
    other = write_bundle(tmp_path / "other.facedge", files, tiny_bundle.manifest()).path
    Image.fromarray(tiny_bundle.crop(1)).save(tmp_path / "1.jpg")
    done = node("verify.js", other, tmp_path / "1.jpg")
    assert done.returncode == 2 and "verifier.onnx was made of other files" in done.stderr and done.stdout == ""


def test_require_gives_the_same_as_import(node_bundle: Path, tmp_path: Path) -> None:
    script = (
        "const { load, readBundle, BundleError } = require('HOST/facedge.cjs');"
        "(async () => {"
        "  const verifier = await load(process.argv[1]);"
        "  const { files } = await readBundle(process.argv[1]);"
        "  const error = await load(process.argv[2]).catch((e) => e);"
        "  console.log(JSON.stringify([verifier.threshold, Object.keys(files).length, error instanceof BundleError]));"
        "})();"
    )
    threshold, files, refused = run_module(script, node_bundle, tmp_path / "none.facedge", kind="commonjs")
    assert (threshold, refused) == (load(node_bundle).threshold, True)
    assert files == len(list(node_bundle.iterdir())) - 2


def test_the_types_compile() -> None:
    require_node("typescript")
    done = subprocess.run(["npm", "run", "-s", "types"], cwd=HOST, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

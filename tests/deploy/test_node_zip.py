"""NAME.facedge.zip in Node: opened from a path and from memory, and refused where facedge refuses it."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx")
from bundle_mutations import fresh, mutations
from node_host import node, run_module
from zips import DEFLATED, bad_zips, build, entries_of, sound_zips

from facedge.bundle import read_bundle

# The zips of a folder -> what each gives: the number of files, or how it was refused.
READ = """
const { readBundle, BundleError } = await import('HOST/facedge.js');
const { readdir, readFile } = await import('node:fs/promises');
const folder = process.argv[1], answers = {};
for (const name of await readdir(folder)) {
  const one = async (bundle) => {
    try { return Object.keys((await readBundle(bundle)).files).length; }
    catch (e) { return e instanceof BundleError && !e.message.includes('\\n') ? e.message : `other: ${e.stack}`; }
  };
  const path = `${folder}/${name}`;
  answers[name] = [await one(path), await one(await readFile(path))];
}
console.log(JSON.stringify(answers));
"""


pytestmark = pytest.mark.usefixtures("node_bundle")


def answers(folder: Path, zips: dict[str, bytes]) -> dict[str, list[Any]]:
    """For each name what Node gives for the path and for the bytes."""
    for number, data in enumerate(zips.values()):
        (folder / f"{number}.facedge.zip").write_bytes(data)
    found = run_module(READ, folder)
    return {name: found[f"{number}.facedge.zip"] for number, name in enumerate(zips)}


def test_zips_of_several_programs_are_the_bundle(node_bundle: Path, tmp_path: Path) -> None:
    count = len(read_bundle(node_bundle).files)
    for name, found in answers(tmp_path, sound_zips(node_bundle)).items():
        assert found == [count, count], name


def refused(found: list[Any]) -> bool:
    return all(isinstance(answer, str) and not answer.startswith("other") for answer in found)


def test_bad_zips_are_refused_in_one_sentence(node_bundle: Path, tmp_path: Path) -> None:
    found = answers(tmp_path, dict(bad_zips(node_bundle)))
    assert [(name, answer) for name, answer in found.items() if not refused(answer)] == []


@pytest.mark.slow
def test_bad_bundles_are_refused_as_zips_too(node_bundle: Path, tmp_path: Path) -> None:
    zips = {}
    for number, mutation in enumerate(mutations(node_bundle, 20)):
        folder = fresh(node_bundle, tmp_path / "damaged" / "tiny.facedge")
        mutation.spoil(folder)
        zips[mutation.name] = build(entries_of(folder, b"tiny.facedge/", DEFLATED if number % 2 else 0))
    (tmp_path / "zips").mkdir()
    found = answers(tmp_path / "zips", zips)
    assert [(name, answer) for name, answer in found.items() if not refused(answer)] == []


def test_golden_vectors_out_of_a_zip(node_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.facedge.zip").write_bytes(sound_zips(node_bundle)["deflated"])
    done = node("golden.js", tmp_path / "tiny.facedge.zip")
    assert done.returncode == 0, done.stderr
    assert len([json.loads(line) for line in done.stdout.splitlines()]) >= 3


def test_a_zip_under_another_name_is_no_bundle(node_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.facedge").write_bytes(sound_zips(node_bundle)["stored"])
    for name, reason in (("plain.facedge", "NAME.facedge.zip, got another file"), ("absent.facedge.zip", "nothing")):
        done = node("golden.js", tmp_path / name)
        assert done.returncode == 2 and reason in done.stderr and len(done.stderr.splitlines()) == 1

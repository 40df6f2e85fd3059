"""Enrolling by the core as WebAssembly, as the page does: Python's bundle, refusals and warnings."""

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node_host import completed

from facedge.bundle import read_bundle
from facedge.bundle.calibration_table import read_table, vectors
from facedge.bundle.cohort import read_cohort
from facedge.bundle.head_onnx import read_head
from facedge.bundle.resolve import pretrained
from facedge.enrollment.calibration import head_bytes
from facedge.enrollment.capture import Sample, select_varied, stack_embeddings
from facedge.enrollment.consistency import find_mismatched, fit_model
from facedge.enrollment.fit import fit
from facedge.enrollment.source_check import ALIKE, NEAREST
from facedge.enrollment.store import enrolled_before
from facedge.faces.quality import Measures
from facedge.runtime.check import check_bundle
from facedge.types import Float32Array

CORE = Path(__file__).resolve().parents[2] / "deploy" / "node" / "core"
MEASURES = Measures(1.0, 128.0, 50.0, None, None)


@pytest.fixture(scope="module", autouse=True)
def node() -> None:
    if not shutil.which("node"):
        pytest.skip("needs node")


ENROLL = """
const { enroll } = await import('HOST/core/enrollment.js');
const { readBundle, sealed } = await import('HOST/core/bundle.js');
const { readFile, writeFile, mkdir } = await import('node:fs/promises');
const [base, size, out, ...enrollments] = process.argv.slice(1);
const wasm = await readFile(new URL('HOST/core/facedge.wasm'));
const bundle = await readBundle({ read: (name) => readFile(`${base}/${name}`) });
const files = Object.fromEntries(Object.entries(bundle.files).filter(([name]) => !name.startsWith('golden')));
for (const [number, views] of enrollments.entries()) {
  const bytes = await readFile(views);
  const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const rows = Array.from({ length: numbers.length / size }, (_, n) => numbers.slice(n * size, (n + 1) * size));
  const start = performance.now();
  const made = await enroll(wasm, bundle, rows, 'me');
  const { fault, mismatched, conditionName, nearOthers, oneMoment } = made;
  const ms = performance.now() - start;
  console.log(JSON.stringify([fault, mismatched, conditionName ?? '', nearOthers, oneMoment, ms]));
  if (fault) continue;
  await mkdir(`${out}/${number}.facedge`, { recursive: true });
  const whole = await sealed({ manifest: made.manifest, files: { ...files, ...made.files } });
  for (const [name, data] of Object.entries(whole)) await writeFile(`${out}/${number}.facedge/${name}`, data);
}
"""


def enroll_in_node(views: Sequence[Float32Array], out: Path) -> list[list[Any]]:
    """Enroll by each of the embeddings (K, D) with the shipped bundle: (fault, mismatched, condition, warnings, ms)."""
    out.mkdir()
    paths = [out / f"{number}.views" for number in range(len(views))]
    for path, x in zip(paths, views, strict=True):
        path.write_bytes(x.tobytes())
    script = ENROLL.replace("HOST", CORE.parent.as_uri())
    command = ["node", "--input-type=module", "-e", script, pretrained(), views[0].shape[1], out, *paths]
    done = completed(list(map(str, command)))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_enrolling_gives_pythons_template_and_threshold(tmp_path: Path) -> None:
    """By the bundle's calibration table; `shift` moves the views towards a condition, which raises the threshold."""
    base = read_bundle(pretrained())
    table = read_table(base.files, base.manifest.embedding_size)
    assert table is not None
    mean, directions = vectors(table.conditions)
    asked = []
    for images, shift in itertools.product([1, 3, 12, 40], [0.0, 0.5]):
        rng = np.random.default_rng(images)
        size = base.manifest.embedding_size
        x = rng.standard_normal(size) / 8 + rng.standard_normal((images, size)) / 20 + shift * (mean[0] + directions[0])
        asked.append((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32))
    found = enroll_in_node(asked, tmp_path / "out")
    shown = set()
    for number, (views, (fault, mismatched, condition, near, moment, ms)) in enumerate(zip(asked, found, strict=True)):
        assert (fault, mismatched) == (None, []) and ms < 4000
        kept = stack_embeddings(select_varied([Sample(view, "", MEASURES) for view in views]))
        fitted = fit(base, kept)
        assert condition == fitted.condition
        assert (near, moment) == (fitted.source.percentile >= NEAREST, fitted.source.alike > ALIKE)
        out = tmp_path / "out" / f"{number}.facedge"
        mine = read_bundle(out)
        assert mine.manifest.threshold == fitted.threshold
        assert mine.manifest.calibration == fitted.evidence
        assert np.array_equal(enrolled_before(mine), kept)
        expected = head_bytes(fitted.logit, read_head(base.files["head.onnx"]).hidden_size)
        assert mine.files["head.onnx"] == expected
        figures = fitted.figures()
        for key, value in mine.manifest.metrics["enrollment"].items():
            assert value == (pytest.approx(figures[key], rel=1e-9) if isinstance(value, float) else figures[key]), key
        assert [finding.text for finding in check_bundle(out) if not finding.ok] == []
        shown.add(condition)
    assert len(shown) > 1


def test_views_of_several_people_enroll_nobody(tmp_path: Path) -> None:
    """The verdicts of Python on photos of people of the bundle's own cohort."""
    base = read_bundle(pretrained())
    cohort = read_cohort(base.files)
    assert cohort is not None
    model, rng = fit_model(*cohort), np.random.default_rng(7)
    people, counts = np.unique(cohort[1], return_counts=True)
    asked = []
    for mix in [(6,), (1, 1), (3, 1), (5, 2), (9, 3), (4, 4, 4)] * 3:
        chosen = rng.choice(people[counts >= max(mix)], len(mix), replace=False)
        rows = [np.flatnonzero(cohort[1] == one)[:count] for one, count in zip(chosen, mix, strict=True)]
        asked.append(cohort[0][np.concatenate(rows)])
    found = enroll_in_node(asked, tmp_path / "out")
    expected = [list(find_mismatched(model, views)) for views in asked]
    assert [one[1] for one in found] == expected
    assert [one[0] == "several_people" for one in found] == [bool(wrong) for wrong in expected]
    assert sum(map(bool, expected)) >= 10

"""Enrolling in JavaScript, as the page does: the template, the threshold and the files of facedge."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
from node_host import require_node, run_module

from facedge.bundle import read_bundle
from facedge.bundle.calibration_table import read_table, vectors
from facedge.bundle.head_onnx import read_head
from facedge.bundle.resolve import pretrained
from facedge.enrollment.fit import fit
from facedge.enrollment.store import enrolled_before
from facedge.runtime.check import check_bundle


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    require_node()


ENROLL = """
const { readBundle } = await import('HOST/facedge.js');
const { enroll } = await import('HOST/core/enrollment.js');
const { sealed } = await import('HOST/core/bundle.js');
const { readFile, writeFile, mkdir } = await import('node:fs/promises');
const [base, views, size, out] = process.argv.slice(1);
const bytes = await readFile(views);
const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const rows = Array.from({ length: numbers.length / size }, (_, n) => numbers.slice(n * size, (n + 1) * size));
const bundle = await readBundle(base);
const start = performance.now();
const made = await enroll(bundle, rows, 'me');
const ms = performance.now() - start;
const files = Object.fromEntries(Object.entries(bundle.files).filter(([name]) => !name.startsWith('golden')));
await mkdir(out);
const whole = await sealed({ manifest: made.manifest, files: { ...files, ...made.files } });
for (const [name, data] of Object.entries(whole))
  await writeFile(`${out}/${name}`, data);
console.log(JSON.stringify({ condition: made.condition, refused: made.refused, ms }));
"""


@pytest.mark.parametrize("images", [1, 3, 12, 40])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_enrolling_gives_pythons_template_and_threshold(images: int, shift: float, tmp_path: Path) -> None:
    """By the bundle's calibration table; `shift` moves the views towards a condition, which raises the threshold."""
    base = read_bundle(pretrained())
    table = read_table(base.files, base.manifest.embedding_size)
    assert table is not None
    rng = np.random.default_rng(images)
    mean, directions = vectors(table.conditions)
    size = base.manifest.embedding_size
    x = rng.standard_normal(size) / 8 + rng.standard_normal((images, size)) / 20 + shift * (mean[0] + directions[0])
    views = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    (tmp_path / "views").write_bytes(views.tobytes())
    out = tmp_path / "me.facedge"
    made = run_module(ENROLL, pretrained(), tmp_path / "views", size, out)
    fitted = fit(base, views)
    assert made["condition"] == fitted.condition
    assert made["ms"] < 2000
    mine = read_bundle(out)
    assert mine.manifest.threshold == fitted.threshold
    assert mine.manifest.calibration == fitted.evidence
    assert np.array_equal(enrolled_before(mine), views)
    weights, expected = read_head(mine.files["head.onnx"]), fitted.logit.weight.astype(np.float32)
    assert np.abs(weights.hidden_weight[0] - expected).max() <= np.spacing(np.abs(expected).max())
    assert [finding.text for finding in check_bundle(out) if not finding.ok] == []

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';

import { readBundle } from '../src/bundle.js';
import { readNpy } from '../src/npy.js';

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

function npy(descr, shape, array) {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sides}), }`.padEnd(117) + '\n';
  const magic = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]);
  return new Uint8Array(Buffer.concat([magic, Buffer.from(header), Buffer.from(array.buffer)]));
}

/** A bundle in memory, sealed; `change` edits its manifest before the seal. */
function bundle(change = () => {}) {
  const files = {
    'verifier.onnx': Buffer.from('a graph'),
    'cohort.npy': npy('<f4', [3, 2], Float32Array.from([1, 0, 0, 1, 1, 0])),
    'cohort_identities.npy': npy('<i4', [3], Int32Array.from([7, 8, 7])),
  };
  const manifest = { format: 'facedge-bundle', format_version: 1, embedding_size: 2, spec: { frame: [178, 218] } };
  manifest.files = Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, { size: bytes.length, sha256: digest(bytes) }]),
  );
  change(manifest);
  files['manifest.json'] = Buffer.from(JSON.stringify(manifest));
  files['manifest.sha256'] = Buffer.from(`${digest(files['manifest.json'])}  manifest.json\n`);
  return files;
}

const read = (files) => readBundle(async (name) => new Uint8Array(files[name]));

test('a whole bundle is read', async () => {
  const { verifier, cohort } = await read(bundle());
  assert.equal(new TextDecoder().decode(verifier), 'a graph');
  assert.deepEqual(cohort.rows.map((row) => [...row]), [[1, 0], [0, 1], [1, 0]]);
  assert.deepEqual(cohort.people, [7, 8, 7]);
});

test('without identities each row is a person', async () => {
  const files = bundle((manifest) => delete manifest.files['cohort_identities.npy']);
  assert.deepEqual((await read(files)).cohort.people, [0, 1, 2]);
});

for (const name of ['verifier.onnx', 'cohort.npy', 'cohort_identities.npy', 'manifest.sha256', 'manifest.json']) {
  test(`a flipped bit in ${name} is refused`, async () => {
    const files = bundle();
    for (let at = 0; at < files[name].length; at++) {
      const damaged = Buffer.from(files[name]);
      damaged[at] ^= 1;
      await assert.rejects(read({ ...files, [name]: damaged }), `byte ${at}`);
    }
  });
}

for (const [what, change, sentence] of [
  ['a newer format', (m) => (m.format_version = 2), /format version 2/],
  ['another format', (m) => (m.format = 'zip'), /not that of a facedge bundle/],
  ['no cohort', (m) => delete m.files['cohort.npy'], /no cohort.npy/],
  ['no verifier', (m) => delete m.files['verifier.onnx'], /no verifier.onnx/],
  ['another geometry', (m) => (m.spec.frame = [112, 112]), /geometry/],
  ['another embedding size', (m) => (m.embedding_size = 3), /shape/],
]) {
  test(`${what} is refused with its reason`, async () => {
    await assert.rejects(read(bundle(change)), sentence);
  });
}

test('arrays of other kinds are refused', () => {
  assert.deepEqual([...readNpy(npy('|u1', [2], Uint8Array.of(1, 2))).data], [1, 2]);
  assert.throws(() => readNpy(npy('|O', [1], new Uint8Array(8))), /does not read/);
  assert.throws(() => readNpy(npy('>f4', [1], new Uint8Array(4))), /does not read/);
  assert.throws(() => readNpy(npy('<f4', [2], new Uint8Array(4))), /length/);
  assert.throws(() => readNpy(new Uint8Array(20)), /not a .npy/);
});

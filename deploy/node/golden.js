#!/usr/bin/env node
// node golden.js BUNDLE [DEBUG.onnx]: does this host give the bundle's own golden vectors? Exit code 0 yes, 1 no, 2 error.
// DEBUG.onnx is a debug build of verifier.onnx, whose extra output `tensor` must have the very bits.
import { load, readBundle } from './facedge.js';
import { parseObject } from './core/json.js';
import { readNpy } from './core/npy.js';
import ort from 'onnxruntime-node';

// The largest difference; of values beyond 1 as a share of them.
const furthest = (expected, got) =>
  expected.length === got.length
    ? Math.max(...expected.map((value, k) => Math.abs(value - got[k]) / Math.max(1, Math.abs(value))))
    : Infinity;

// How many values of the preprocessed tensor have other bits than expected.
async function tensorOff(session, { shape, data }, expected) {
  const image = new ort.Tensor('uint8', data, [1, ...shape]);
  const { tensor } = await session.run({ image }, ['tensor']);
  const got = new Uint32Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length);
  const wanted = new Uint32Array(expected.data.buffer);
  return got.length === wanted.length ? got.filter((bits, k) => bits !== wanted[k]).length : wanted.length;
}

try {
  const [bundle, debug] = process.argv.slice(2);
  if (!bundle) throw new Error('usage: node golden.js BUNDLE [DEBUG.onnx]');
  const { files } = await readBundle(bundle);
  if (!files['golden.json']) throw new Error('the bundle has no golden vectors');
  const { cases, tolerance } = parseObject(files['golden.json'], 'golden.json');
  if (!cases?.length || !Number.isFinite(tolerance)) throw new Error('the bundle has no golden vectors');
  if (!cases.every((c) => c.verifier)) throw new Error('golden.json has no outputs of verifier.onnx: run facedge bundle convert');
  const verifier = await load(bundle);
  const inside = debug && (await ort.InferenceSession.create(debug, { logSeverityLevel: 3 }));
  process.exitCode = 0;
  for (const expected of cases) {
    const { shape, data } = readNpy(expected.image, files[expected.image]);
    const got = await verifier.infer({ data, height: shape[0], width: shape[1] });
    const { embedding, attributes, probability, quality } = expected.verifier; // of the precision that the manifest names
    const worst = Math.max(
      furthest(embedding, got.embedding),
      furthest(attributes, got.attributes),
      furthest([probability, quality], [got.probability, got.quality]),
    );
    const off = Number.isFinite(worst) ? worst : Number.MAX_VALUE; // NaN where an output is none
    const valuesOff = inside && (await tensorOff(inside, readNpy(expected.image, files[expected.image]), readNpy(expected.tensor, files[expected.tensor])));
    console.log(JSON.stringify({ case: expected.name, tensor_values_off: valuesOff, outputs_off: off }));
    if (!(off <= tolerance) || valuesOff) process.exitCode = 1;
  }
} catch (problem) {
  console.error(`facedge: error: ${problem.message}`);
  process.exitCode = 2;
}

// Photos through the Node host: one JSON line each with the crop, the decision, the score and milliseconds.
//
// usage: node judge_photos.mjs DETECTOR < [{"file": RGB bytes, "height", "width", "bundle"}, ...]

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { load, openFinderAt } from '../node/facedge.js';

const [detector] = process.argv.slice(2);
const find = await openFinderAt(detector, { intraOpNumThreads: 1, logSeverityLevel: 3 });
const verifiers = {};
for (const { file, height, width, bundle } of JSON.parse(readFileSync(0, 'utf8'))) {
  const photo = { data: new Uint8Array(await readFile(file)), height, width };
  const { crop } = await find(photo);
  verifiers[bundle] ??= await load(bundle, { detector });
  await verifiers[bundle].verifyPhoto(photo); // the first call of a session is slow
  const start = performance.now();
  const { accepted, score } = await verifiers[bundle].verifyPhoto(photo);
  console.log(JSON.stringify({ crop: crop && Array.from(crop.data), accepted, score, ms: performance.now() - start }));
}

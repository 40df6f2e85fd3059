// Photos through the Node host: one JSON line each with the crop, the decision and milliseconds.
//
// usage: node judge_photos.mjs DETECTOR PHOTOS.json      [{"file": RGB bytes, "height", "width", "bundle"}, ...]

import { readFile } from 'node:fs/promises';
import { load, openFinderAt } from '../node/facedge.js';

const [detector, list] = process.argv.slice(2);
const find = await openFinderAt(detector, { intraOpNumThreads: 1, logSeverityLevel: 3 });
const verifiers = {};
for (const { file, height, width, bundle } of JSON.parse(await readFile(list, 'utf8'))) {
  const photo = { data: new Uint8Array(await readFile(file)), height, width };
  const { crop } = await find(photo);
  verifiers[bundle] ??= await load(bundle, { detector });
  await verifiers[bundle].verifyPhoto(photo); // the first call of a session is slow
  const start = performance.now();
  const { accepted } = await verifiers[bundle].verifyPhoto(photo);
  console.log(JSON.stringify({ crop: crop && Array.from(crop.data), accepted, ms: performance.now() - start }));
}

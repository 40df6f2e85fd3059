#!/usr/bin/env node
// node verify.js BUNDLE CROP.jpg ...: one JSON object a line; exit code 0 accepted (all), 1 not accepted, 2 error.
import { readFile } from 'node:fs/promises';
import jpeg from 'jpeg-js';
import { load } from './facedge.js';

async function readCrop(path) {
  const { data, width, height } = jpeg.decode(await readFile(path), { useTArray: true, formatAsRGBA: false });
  return { data, width, height };
}

const [bundle, ...probes] = process.argv.slice(2);
try {
  if (!bundle || !probes.length) throw new Error('usage: node verify.js BUNDLE CROP.jpg ...');
  const verifier = await load(bundle);
  process.exitCode = 0;
  for (const probe of probes) {
    const { accepted, score, threshold, reason } = await verifier.verify(await readCrop(probe));
    console.log(JSON.stringify({ probe, decision: accepted ? 'accept' : 'reject', score, threshold, reason }));
    if (!accepted) process.exitCode = 1;
  }
} catch (problem) {
  console.error(`facedge: error: ${problem.message}`);
  process.exitCode = 2;
}

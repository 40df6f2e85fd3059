#!/usr/bin/env node
// node verify.js BUNDLE [--detector YUNET.onnx] PHOTO ...: one JSON object a line. Without a detector the photos are aligned
// crops. Exit code 0 accepted (all), 1 not accepted, 2 error.
import { parseArgs } from 'node:util';
import { load, readPhoto } from './facedge.js';

const ALIGNED = ['178x218', '89x109']; // photos of this size are crops in CelebA geometry, as in facedge verify

async function verify(verifier, path, finds) {
  const photo = await readPhoto(path);
  const aligned = !finds || ALIGNED.includes(`${photo.width}x${photo.height}`);
  return aligned ? verifier.verify(photo) : verifier.verifyPhoto(photo);
}

try {
  const { values, positionals } = parseArgs({ options: { detector: { type: 'string' } }, allowPositionals: true });
  const detector = values.detector ?? process.env.FACEDGE_DETECTOR;
  const [bundle, ...probes] = positionals;
  if (!bundle || !probes.length) throw new Error('usage: node verify.js BUNDLE [--detector YUNET.onnx] PHOTO ...');
  const verifier = await load(bundle, { detector });
  process.exitCode = 0;
  for (const probe of probes) {
    const { accepted, score, threshold, reason } = await verify(verifier, probe, detector);
    console.log(JSON.stringify({ probe, decision: accepted ? 'accept' : 'reject', score, threshold, reason }));
    if (!accepted) process.exitCode = 1;
  }
} catch (problem) {
  console.error(`facedge: error: ${problem.message}`);
  process.exitCode = 2;
}

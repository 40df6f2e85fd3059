// facedge in Node: one bundle, one function. The types and their comments are in facedge.d.ts.
import './telemetry.js';
import ort from 'onnxruntime-node';
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readBundle as readFrom } from './core/bundle.js';
import { openDetector } from './core/detector.js';
import { BundleError } from './core/errors.js';
import { openFinder } from './core/faces.js';
import { openVerifier } from './core/verifier.js';

export { readPhoto } from './photo.js';
export { BundleError };

// The bytes of every file, checked in the order of deploy/FORMAT.md, section 3.
export function readBundle(path) {
  const read = async (name, most) => {
    const place = join(path, name);
    const status = await lstat(place).catch(() => undefined);
    if (!status?.isFile()) throw new BundleError(`${name} is missing from the bundle, or is no plain file`);
    if (status.size > most) throw new BundleError(`${name} has ${status.size} bytes; expected at most ${most}`);
    return readFile(place);
  };
  return readFrom({ read, list: () => readdir(path) });
}

export async function load(path, { threads = 1, detector } = {}) {
  const options = { intraOpNumThreads: threads, logSeverityLevel: 3 };
  const bundle = await readBundle(path);
  const find = detector && (await openFinderAt(detector, options));
  return openVerifier(ort, bundle, { options, find });
}

// Photo -> crop, or the reason why there is none; `detector` is the path of face_detection_yunet_2023mar.onnx.
export async function openFinderAt(detector, options = {}) {
  const wasm = await readFile(new URL('./core/facedge.wasm', import.meta.url));
  return openFinder(wasm, await openDetector(ort, await readFile(detector), options));
}

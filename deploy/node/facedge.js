// facedge in Node: one bundle, one function. The types and their comments are in facedge.d.ts.
import './telemetry.js';
import ort from 'onnxruntime-node';
import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { readBundle as readFrom } from './core/bundle.js';
import { openDetector } from './core/detector.js';
import { BundleError } from './core/errors.js';
import { openFinder } from './core/faces.js';
import { openVerifier } from './core/verifier.js';
import { openZip } from './core/zip.js';

export { readPhoto } from './photo.js';
export { BundleError };

const MOST_ZIP = (1 << 30) + (1 << 24); // all files of a bundle, and what a zip adds to them

// The bytes of every file, checked in the order of deploy/FORMAT.md, section 3.
export async function readBundle(bundle) {
  if (typeof bundle !== 'string') return readFrom(zipOf(bundle));
  const about = await stat(bundle).catch(() => undefined);
  if (!about) throw new BundleError(`${bundle}: expected a bundle, got nothing there`);
  if (about.isDirectory()) return readFrom(folderOf(bundle));
  if (!bundle.endsWith('.zip') || !about.isFile() || about.size > MOST_ZIP)
    throw new BundleError(`${bundle}: expected a bundle, NAME.facedge or NAME.facedge.zip, got another file`);
  return readFrom(zipOf(await readFile(bundle)));
}

const zipOf = (bytes) => openZip(bytes, (packed, size) => inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) }));

const folderOf = (path) => ({
  async read(name, most) {
    const place = join(path, name);
    const status = await lstat(place).catch(() => undefined);
    if (!status?.isFile()) throw new BundleError(`${name} is missing from the bundle, or is no plain file`);
    if (status.size > most) throw new BundleError(`${name} has ${status.size} bytes; expected at most ${most}`);
    return readFile(place);
  },
  list: () => readdir(path),
});

export async function load(bundle, { threads = 1, detector } = {}) {
  const options = { intraOpNumThreads: threads, logSeverityLevel: 3 };
  const read = await readBundle(bundle);
  const find = detector && (await openFinderAt(detector, options));
  return openVerifier(ort, read, { options, find });
}

// Photo -> crop, or the reason why there is none; `detector` is the path of face_detection_yunet_2023mar.onnx.
export async function openFinderAt(detector, options = {}) {
  const wasm = await readFile(new URL('./core/facedge.wasm', import.meta.url));
  return openFinder(wasm, await openDetector(ort, await readFile(detector), options));
}

// The worker thread: everything that takes longer than a frame, so that the camera's picture does not stutter.

import * as ort from '../../ort/ort.wasm.min.mjs';
import { inflateSync, zipSync } from '../../fflate/browser.js';
import { readBundle, sealed } from '../../node/core/bundle.js';
import { openDetector } from '../../node/core/detector.js';
import { enroll } from '../../node/core/enrollment.js';
import { openFinder } from '../../node/core/faces.js';
import { openVerifier } from '../../node/core/verifier.js';
import { sourceOf } from './archive.js';
import { look } from './sight.js';

ort.env.wasm.wasmPaths = new URL('../../ort/', import.meta.url).href;
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1; // else not allowed
ort.env.logLevel = 'error';

const TO_ENROLL = ['verifier.onnx', 'head.onnx', 'calibration.json'];
const GOLDEN = /^golden/; // vectors of the base's head: a person's bundle has another
const MOST_REFUSED = 1 / 4; // of the views, each against the others: 9 views of one person and 3 of another have a quarter

let find;
let base; // the bundle beside the page, and its verifier, whose embeddings enroll
let current; // the person who is enrolled: their bundle, and its verifier

const methods = {
  /** Load everything; what the page shows of the bundle. */
  async open() {
    const [wasm, detector] = [await file('node/core/facedge.wasm'), await file('models/face_detection_yunet_2023mar.onnx')];
    find = await openFinder(wasm, await openDetector(ort, detector));
    base = await opened(await readBundle({ read: (name) => file(`bundle/${name}`) }, TO_ENROLL));
    current = base;
    return about(base.manifest);
  },

  look: ({ picture, enrolling }) => look(find, (enrolling ? base : current).verifier, picture),

  /** The views of a person -> what the page shows of the enrollment; null where the views do not agree. */
  async enroll(views) {
    const made = await enroll(base, views, 'me');
    if (made.refused >= MOST_REFUSED * views.length) return null;
    current = await opened(made);
    return about(made.manifest, made.condition);
  },

  /** A bundle from elsewhere: one zip, or the files of its folder, by name. */
  async openBundle(files) {
    const found = await readBundle(sourceOf(files, inflate));
    if (!found.manifest.enrolled) throw new Error('Nobody is enrolled in this bundle: open one that facedge enroll or this page saved.');
    current = await opened(found);
    return about(found.manifest);
  },

  /** The enrollment as a zip of the bundle's folder. */
  async save() {
    const rest = Object.keys(base.manifest.files).filter((name) => !GOLDEN.test(name) && name !== 'card.md');
    const { files } = await readBundle({ read: (name) => file(`bundle/${name}`) }, rest);
    const whole = await sealed({ manifest: current.manifest, files: { ...files, ...current.files } });
    const inFolder = Object.entries(whole).map(([name, bytes]) => [`me.facedge/${name}`, bytes]);
    return zipSync(Object.fromEntries(inFolder), { level: 0 });
  },

  forget() {
    current = base;
  },
};

const inflate = (packed, size) => inflateSync(packed, { out: new Uint8Array(size) });

const opened = async (bundle) => ({ ...bundle, verifier: await openVerifier(ort, bundle) });

const about = ({ name, enrolled, threshold, calibration }, condition = '') => ({ name, enrolled, threshold, calibration, condition });

async function file(path) {
  const response = await fetch(new URL(`../../${path}`, import.meta.url));
  if (!response.ok) throw new Error(`${path} is missing: build the page again`);
  return new Uint8Array(await response.arrayBuffer());
}

self.onmessage = async ({ data: { id, method, argument } }) => {
  try {
    self.postMessage({ id, result: await methods[method](argument) });
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
};

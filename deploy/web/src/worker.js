// The worker thread: everything that takes longer than a frame, so that the camera's picture does not stutter.

import * as ort from '../ort/ort.wasm.min.mjs';
import { readBundle, sha256 } from './bundle.js';
import { SHA256 } from './detector.js';
import { calibrate, enroll, isConsistent } from './enrollment.js';
import { makeFrameEmbedder } from './sight.js';

ort.env.wasm.wasmPaths = new URL('../ort/', import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
ort.env.logLevel = 'error';

let bundle;
let embedFrame;
let point;

const methods = {
  /** Load everything; the fields of the manifest that the page shows. */
  async open() {
    const detector = await file('../models/face_detection_yunet_2023mar.onnx');
    if ((await sha256(detector)) !== SHA256) throw new Error('the detector file has another sha256 than expected: build the page again');
    bundle = await readBundle((name) => file(`../bundle/${name}`));
    embedFrame = await makeFrameEmbedder(ort, detector, bundle);
    const { name, enrolled, threshold, calibration, usage, data } = bundle.manifest;
    return { name, enrolled, threshold, calibration, usage, data };
  },

  embedFrame: (picture) => embedFrame(picture),

  /** The views of a person -> the enrollment, the threshold and the evidence; null where the views do not agree. */
  enroll(views) {
    point ??= calibrate(bundle.cohort);
    if (!isConsistent(views, bundle.cohort, point.threshold)) return null;
    return { enrollment: enroll(views, bundle.cohort), point };
  },
};

async function file(path) {
  const response = await fetch(new URL(path, import.meta.url));
  if (!response.ok) throw new Error(`${path.replace('../', '')} is missing: build the page again`);
  return new Uint8Array(await response.arrayBuffer());
}

self.onmessage = async ({ data: { id, method, argument } }) => {
  try {
    self.postMessage({ id, result: await methods[method](argument) });
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
};

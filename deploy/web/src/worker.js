// The worker thread: everything that takes longer than a frame, so that the camera's picture does not stutter.

import * as ort from '../../ort/ort.wasm.min.mjs';
import { inflateSync, zipSync } from '../../fflate/browser.js';
import { readBundle, sealed } from '../../node/core/bundle.js';
import { openDetector } from '../../node/core/detector.js';
import { enroll } from '../../node/core/enrollment.js';
import { openFinder } from '../../node/core/faces.js';
import { openVerifier } from '../../node/core/verifier.js';
import { sourceOf } from './archive.js';
import { holdPeople } from './people.js';
import { isDoubtful, isSqueezed, look } from './sight.js';

ort.env.wasm.wasmPaths = new URL('../../ort/', import.meta.url).href;
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1; // else not allowed
ort.env.logLevel = 'error';

const TO_ENROLL = ['verifier.onnx', 'head.onnx', 'calibration.json'];
const GOLDEN = /^golden/; // vectors of the base's head: a person's bundle has another
const BASE = 1; // its number among the people: the first one given
const COHORT = ['cohort.npy', 'cohort_identities.npy']; // read when somebody enrolls: 2.6 MB

let wasm; // the bytes of the core
let find;
let base; // the bundle beside the page, and its verifier, whose embeddings enroll
const people = holdPeople(); // bundles with their verifiers

const methods = {
  /** Load everything; what the page shows of the bundle. */
  async open() {
    wasm = await file('node/core/facedge.wasm');
    find = await openFinder(wasm, await openDetector(ort, await file('models/face_detection_yunet_2023mar.onnx')));
    base = await opened(await served(TO_ENROLL));
    return about(base.manifest, await people.add(async () => base));
  },

  look: ({ picture, person }) => look(find, (person ? people.of(person) : base).verifier, picture),

  /** The views of a person and their stretches -> what the page shows of the enrollment, or the fault for which nobody is enrolled. */
  async enroll({ views, stretches }) {
    if (isSqueezed(stretches)) return { fault: 'squeezed' };
    let made;
    const number = await people.add(async () => {
      const { files } = await served(COHORT);
      made = await enroll(wasm, { ...base, files: { ...base.files, ...files } }, views, 'me');
      if (!made.fault && isSqueezed(stretches, made.conditionName)) made = { fault: 'squeezed' };
      return made.fault ? null : opened({ manifest: made.manifest, files: made.files });
    });
    if (made.fault) return { fault: made.fault };
    return about(made.manifest, number, { condition: made.conditionName, nearOthers: made.nearOthers, doubtful: isDoubtful(stretches) });
  },

  /** A bundle from elsewhere: one zip, or the files of its folder, by name. */
  async openBundle(files) {
    const found = await readBundle(sourceOf(files, inflate));
    if (!found.manifest.enrolled) throw new Error('Nobody is enrolled in this bundle: open one that facedge enroll or this page saved.');
    return about(found.manifest, await people.add(() => opened(found)));
  },

  /** A person's enrollment as a zip of the bundle's folder. */
  async save(person) {
    const current = people.of(person);
    const rest = Object.keys(base.manifest.files).filter((name) => !GOLDEN.test(name) && name !== 'card.md');
    const { files } = await served(rest);
    const whole = await sealed({ manifest: current.manifest, files: { ...files, ...current.files } });
    const inFolder = Object.entries(whole).map(([name, bytes]) => [`me.facedge/${name}`, bytes]);
    return zipSync(Object.fromEntries(inFolder), { level: 0 });
  },

  keep: (person) => people.keep(BASE, person),
};

/** The bundle beside the page, with these of its files. */
const served = (names) => readBundle({ read: (name) => file(`bundle/${name}`) }, names);

const inflate = (packed, size) => inflateSync(packed, { out: new Uint8Array(size) });

const opened = async (bundle) => ({ ...bundle, verifier: await openVerifier(ort, bundle) });

const about = ({ name, enrolled, threshold, calibration }, number, shown = {}) => ({ number, name, enrolled, threshold, calibration, shown });

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

// A facedge bundle served beside the page: read in the order of deploy/FORMAT.md section 3, refused at the first fault.

import { FRAME_HEIGHT, FRAME_WIDTH } from './geometry.js';
import { readNpy } from './npy.js';

const FORMAT_VERSION = 1;
const WANTED = ['verifier.onnx', 'cohort.npy'];

/**
 * @typedef {object} Bundle
 * @property {any} manifest
 * @property {Uint8Array} verifier the bytes of verifier.onnx
 * @property {Cohort} cohort embeddings of impostors
 */

/** @typedef {{rows: Float32Array[], people: number[]}} Cohort  unit-length embeddings, and whose each one is */

/**
 * @param {(name: string) => Promise<Uint8Array>} read a file of the bundle
 * @returns {Promise<Bundle>}
 */
export async function readBundle(read) {
  const bytes = await read('manifest.json');
  const manifest = parseManifest(bytes);
  const seal = new TextDecoder().decode(await read('manifest.sha256'));
  if (seal !== `${await sha256(bytes)}  manifest.json\n`) throw new Error('manifest.json does not match its seal');
  for (const name of WANTED) {
    if (!manifest.files[name]) throw new Error(`the bundle has no ${name}: export it again with --faces`);
  }
  const verifier = await checkedFile(read, manifest, 'verifier.onnx');
  const embeddings = readNpy(await checkedFile(read, manifest, 'cohort.npy'));
  const identities = manifest.files['cohort_identities.npy']
    ? readNpy(await checkedFile(read, manifest, 'cohort_identities.npy'))
    : null;
  return { manifest, verifier, cohort: asCohort(embeddings, identities, manifest.embedding_size) };
}

function parseManifest(bytes) {
  const manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (manifest?.format !== 'facedge-bundle') throw new Error('manifest.json is not that of a facedge bundle');
  if (!(manifest.format_version <= FORMAT_VERSION)) {
    throw new Error(`the bundle has format version ${manifest.format_version}; this page reads ${FORMAT_VERSION}`);
  }
  const [width, height] = manifest.spec.frame; // the pixels' meaning lives inside verifier.onnx, the geometry does not
  if (width !== FRAME_WIDTH || height !== FRAME_HEIGHT) throw new Error('the bundle wants faces in another geometry');
  return manifest;
}

async function checkedFile(read, manifest, name) {
  const bytes = await read(name);
  const { size, sha256: expected } = manifest.files[name];
  if (bytes.length !== size || (await sha256(bytes)) !== expected) {
    throw new Error(`${name} is not the file that the manifest names: build the page again`);
  }
  return bytes;
}

/** Lower-case hex. Browsers offer it on https and localhost only, and so is the camera. */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (value) => value.toString(16).padStart(2, '0')).join('');
}

/** @returns {Cohort} */
function asCohort({ data, shape: [count, size] }, identities, embeddingSize) {
  if (size !== embeddingSize || (identities && identities.data.length !== count)) {
    throw new Error('cohort.npy has another shape than the manifest gives');
  }
  if (!data.every(Number.isFinite)) throw new Error('cohort.npy holds values that are no numbers');
  const rows = Array.from({ length: count }, (_, n) => data.subarray(n * size, (n + 1) * size));
  return { rows, people: identities ? Array.from(identities.data) : rows.map((_, n) => n) };
}

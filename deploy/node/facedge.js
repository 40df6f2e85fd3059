// facedge in Node: one bundle, one function. The types and their comments are in facedge.d.ts.
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

process.env.ORT_DISABLE_TELEMETRY ??= '1'; // before onnxruntime is loaded
const ort = (await import('onnxruntime-node')).default;

const FORMAT_VERSION = 1;
const LEAST_QUALITY = 8; // grey levels: facedge.quality_floor of every verifier.onnx (deploy/FORMAT.md, section 4)
const sha256 = (data) => createHash('sha256').update(data).digest('hex');

export class BundleError extends Error {
  name = 'BundleError';
}

// The bytes of every file, checked as deploy/FORMAT.md, section 3, asks: the seal first, then every hash.
export async function readBundle(path) {
  const read = async (name) => {
    const place = join(path, name);
    const status = await lstat(place).catch(() => undefined);
    if (!status?.isFile()) throw new BundleError(`${name} is missing from ${path}, or is no plain file`);
    return readFile(place);
  };
  const text = await read('manifest.json');
  let manifest;
  try {
    manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw new BundleError('manifest.json is not readable JSON');
  }
  if (manifest?.format !== 'facedge-bundle' || !Number.isInteger(manifest.format_version))
    throw new BundleError('manifest.json is not a facedge manifest');
  if (manifest.format_version > FORMAT_VERSION)
    throw new BundleError(`format version ${manifest.format_version} is newer than ${FORMAT_VERSION}`);
  if ((await read('manifest.sha256')).toString() !== `${sha256(text)}  manifest.json\n`)
    throw new BundleError('manifest.json was edited or damaged: manifest.sha256 does not match it');
  checkManifest(manifest);
  const extra = (await readdir(path)).find((name) => !/^manifest\.(json|sha256)$/.test(name) && !Object.hasOwn(manifest.files, name));
  if (extra !== undefined) throw new BundleError(`${extra} is in the bundle but not in its manifest`);
  const files = {};
  for (const [name, entry] of Object.entries(manifest.files)) {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.]*$/.test(name)) throw new BundleError(`${name} is no file of a bundle`);
    files[name] = await read(name);
    if (files[name].length !== entry?.size || sha256(files[name]) !== entry.sha256)
      throw new BundleError(`${name} is damaged or was replaced: its size or hash is not the manifest's`);
  }
  return { manifest, files };
}

function checkManifest(manifest) {
  const { enrolled, threshold, files, attribute_names: names } = manifest;
  const inRange = typeof threshold === 'number' && threshold >= 0 && threshold <= 1;
  if (typeof enrolled !== 'boolean' || (enrolled ? !inRange : threshold !== null))
    throw new BundleError('the threshold of the manifest is not a number in 0..1, or null where nobody is enrolled');
  if (!Array.isArray(names) || typeof files !== 'object' || files === null || Array.isArray(files))
    throw new BundleError('manifest.json lacks attribute_names or files');
}

export class Verifier {
  #session;

  constructor(session, manifest) {
    this.#session = session;
    this.manifest = manifest;
  }

  get threshold() {
    if (!this.manifest.enrolled) throw new BundleError('nobody is enrolled in this bundle: run facedge enroll');
    return this.manifest.threshold;
  }

  async infer({ data, height, width }) {
    if (!(data instanceof Uint8Array) || !(height > 0) || !(width > 0) || data.length !== height * width * 3)
      throw new TypeError('an image is {data, height, width}: RGB bytes, height * width * 3 of them');
    const image = new ort.Tensor('uint8', data, [1, height, width, 3]);
    const { embedding, attributes, probability, quality } = await this.#session.run({ image });
    return {
      embedding: embedding.data,
      attributes: attributes.data,
      probability: probability.data[0],
      quality: quality.data[0],
    };
  }

  async verify(image) {
    const threshold = this.threshold; // before any work: nobody enrolled is an error, not a rejection
    const { probability, attributes, quality } = await this.infer(image);
    const scored = quality >= LEAST_QUALITY && probability >= 0 && probability <= 1; // NaN is none of it
    if (!scored) return { accepted: false, score: null, threshold, reason: 'low_quality', attributes: {} };
    const accepted = probability >= threshold;
    const named = this.manifest.attribute_names.map((name, k) => [name, attributes[k]]);
    const reason = accepted ? null : 'below_threshold';
    return { accepted, score: probability, threshold, reason, attributes: Object.fromEntries(named) };
  }
}

export async function load(path, { threads = 1 } = {}) {
  const { manifest, files } = await readBundle(path);
  const remedy = 'run facedge bundle convert';
  if (!files['verifier.onnx']) throw new BundleError(`this bundle has no verifier.onnx: ${remedy}`);
  const session = await ort.InferenceSession.create(files['verifier.onnx'], {
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  });
  if (!session.outputNames.includes('quality')) throw new BundleError(`verifier.onnx has no output quality: ${remedy}`);
  return new Verifier(session, manifest);
}

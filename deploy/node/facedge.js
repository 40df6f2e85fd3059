// facedge in Node: one bundle, one function. The types and their comments are in facedge.d.ts.
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BundleError } from './errors.js';
import { parseObject } from './json.js';
import { checkManifest, refuseOtherVersions } from './manifest.js';
import { checkArrays } from './npy.js';
import { checkPorts, inspectGraph } from './onnx.js';

export { BundleError };

process.env.ORT_DISABLE_TELEMETRY ??= '1'; // before onnxruntime is loaded
const ort = (await import('onnxruntime-node')).default;

const MOST_MANIFEST = 4 << 20;
const LEAST_QUALITY = 8; // grey levels: facedge.quality_floor of every verifier.onnx (deploy/FORMAT.md, section 4)
const CONVERT = 'run facedge bundle convert';
const sha256 = (data) => createHash('sha256').update(data).digest('hex');

// The bytes of every file, checked in the order of deploy/FORMAT.md, section 3.
export async function readBundle(path) {
  const read = async (name, most) => {
    const place = join(path, name);
    const status = await lstat(place).catch(() => undefined);
    if (!status?.isFile()) throw new BundleError(`${name} is missing from the bundle, or is no plain file`);
    if (status.size > most) throw new BundleError(`${name} has ${status.size} bytes; expected at most ${most}`);
    return readFile(place);
  };
  const text = await read('manifest.json', MOST_MANIFEST);
  const manifest = parseObject(text, 'manifest.json');
  refuseOtherVersions(manifest);
  if ((await read('manifest.sha256', 1024)).toString('latin1') !== `${sha256(text)}  manifest.json\n`)
    throw new BundleError('manifest.json was edited or damaged: manifest.sha256 does not match it');
  checkManifest(manifest);
  const extra = (await readdir(path)).find((name) => !/^manifest\.(json|sha256)$/.test(name) && !Object.hasOwn(manifest.files, name));
  if (extra !== undefined) throw new BundleError(`${JSON.stringify(extra.slice(0, 80))} is in the bundle but not in its manifest`);
  const files = {};
  for (const [name, entry] of Object.entries(manifest.files)) {
    files[name] = await read(name, entry.size); // at most 1 GiB for all files together
    if (files[name].length !== entry.size || sha256(files[name]) !== entry.sha256)
      throw new BundleError(`${name} is damaged or was replaced: its size or hash is not the manifest's`);
  }
  checkGraphs(files, manifest);
  checkArrays(files, manifest.embedding_size);
  return { manifest, files };
}

function checkGraphs(files, { attribute_names: names, embedding_size: size, files: entries, precision, spec, spec_digest: digest }) {
  const embedding = { embedding: ['float32', [null, size]] };
  const attributes = { attributes: ['float32', [null, names.length]] };
  const probability = { probability: ['float32', [null, 1]] };
  const quality = { quality: ['float32', [null, 1]] };
  const backbone = [{ image: ['float32', [null, 1, spec.size, spec.size]] }, { ...embedding, ...attributes }];
  const ports = {
    'backbone.onnx': backbone,
    'backbone.int8.onnx': backbone,
    'head.onnx': [embedding, probability],
    'verifier.onnx': [{ image: ['uint8', [null, null, null, 3]] }, { ...embedding, ...attributes, ...probability, ...quality }],
  };
  for (const [name, bytes] of Object.entries(files)) {
    if (!name.endsWith('.onnx')) continue;
    const graph = inspectGraph(name, bytes);
    if (name === 'verifier.onnx' && !graph.outputs.some((output) => output.name === 'quality'))
      throw new BundleError(`verifier.onnx has no output quality: ${CONVERT}`);
    checkPorts(name, 'input', graph.inputs, ports[name][0]);
    checkPorts(name, 'output', graph.outputs, ports[name][1]);
    if (name !== 'verifier.onnx') continue;
    const backboneFile = precision === 'int8' ? 'backbone.int8.onnx' : 'backbone.onnx'; // the one that it holds
    const made = { spec_digest: digest, backbone_sha256: entries[backboneFile].sha256, head_sha256: entries['head.onnx'].sha256 };
    for (const [key, value] of Object.entries(made)) // the graph that decides is made of the other two
      if (graph.properties[`facedge.${key}`] !== value)
        throw new BundleError(`verifier.onnx was made of other files than this bundle's (facedge.${key}): export it again`);
  }
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
  if (!files['verifier.onnx']) throw new BundleError(`this bundle has no verifier.onnx: ${CONVERT}`);
  const session = await ort.InferenceSession.create(files['verifier.onnx'], {
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  });
  return new Verifier(session, manifest);
}

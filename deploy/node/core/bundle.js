// A bundle's bytes -> its manifest and files, checked in the order of deploy/FORMAT.md, section 3; and back.
import { BundleError } from './errors.js';
import { parseObject } from './json.js';
import { checkManifest, refuseOtherVersions } from './manifest.js';
import { checkArrays } from './npy.js';
import { checkPorts, inspectGraph } from './onnx.js';
import { sealOf, sha256 } from './seal.js';
import { CALIBRATION, readTable } from './table.js';

const BACKBONES = { fp32: 'backbone.onnx', int8: 'backbone.int8.onnx' }; // by precision
const MOST_MANIFEST = 4 << 20;

/**
 * @typedef {object} Bundle
 * @property {any} manifest
 * @property {Record<string, Uint8Array>} files by name; only the wanted ones, where not all were asked for
 */

/**
 * @param {object} source
 * @param {(name: string, most: number) => Promise<Uint8Array>} source.read a file of at most so many bytes
 * @param {() => Promise<string[]>} [source.list] names of everything there; left out where a place cannot be listed
 * @param {string[]} [wanted] files to read; every one where it is left out
 * @returns {Promise<Bundle>}
 */
export async function readBundle({ read, list }, wanted) {
  const text = await read('manifest.json', MOST_MANIFEST);
  const manifest = parseObject(text, 'manifest.json');
  refuseOtherVersions(manifest);
  if (new TextDecoder('latin1').decode(await read('manifest.sha256', 1024)) !== (await sealOf(text)))
    throw new BundleError('manifest.json was edited or damaged: manifest.sha256 does not match it');
  await checkManifest(manifest);
  if (list) refuseExtra(await list(), manifest);
  const files = {};
  for (const name of wanted?.filter((name) => Object.hasOwn(manifest.files, name)) ?? Object.keys(manifest.files)) {
    files[name] = await read(name, manifest.files[name].size); // at most 1 GiB for all files together
    const { size, sha256: expected } = manifest.files[name];
    if (files[name].length !== size || (await sha256(files[name])) !== expected)
      throw new BundleError(`${name} is damaged or was replaced: its size or hash is not the manifest's`);
  }
  checkGraphs(files, manifest);
  checkArrays(files, manifest.embedding_size);
  if (files[CALIBRATION]) readTable(files[CALIBRATION], manifest.embedding_size);
  return { manifest, files };
}

function refuseExtra(names, manifest) {
  const extra = names.find((name) => !/^manifest\.(json|sha256)$/.test(name) && !Object.hasOwn(manifest.files, name));
  if (extra !== undefined) throw new BundleError(`${JSON.stringify(extra.slice(0, 80))} is in the bundle but not in its manifest`);
}

function checkGraphs(files, { attribute_names: names, embedding_size: size, files: entries, precision, spec, spec_digest: digest }) {
  const embedding = { embedding: ['float32', [null, size]] };
  const attributes = { attributes: ['float32', [null, names.length]] };
  const probability = { probability: ['float32', [null, 1]] };
  const network = [{ image: ['float32', [null, 1, spec.size, spec.size]] }, { ...embedding, ...attributes }];
  const ports = {
    'backbone.onnx': network,
    'backbone.int8.onnx': network,
    'head.onnx': [embedding, probability],
    'verifier.onnx': [
      { image: ['uint8', [null, null, null, 3]] },
      { ...embedding, ...attributes, ...probability, quality: ['float32', [null, 1]] },
    ],
  };
  for (const [name, bytes] of Object.entries(files)) {
    if (!name.endsWith('.onnx')) continue;
    const graph = inspectGraph(name, bytes);
    if (name === 'verifier.onnx' && !graph.outputs.some((output) => output.name === 'quality'))
      throw new BundleError('verifier.onnx has no output quality: run facedge bundle convert');
    checkPorts(name, 'input', graph.inputs, ports[name][0]);
    checkPorts(name, 'output', graph.outputs, ports[name][1]);
    if (name !== 'verifier.onnx') continue;
    const backbone_sha256 = entries[BACKBONES[precision]].sha256;
    const made = { spec_digest: digest, backbone_sha256, head_sha256: entries['head.onnx'].sha256 };
    for (const [key, value] of Object.entries(made)) // the graph that decides is made of the other two
      if (graph.properties[`facedge.${key}`] !== value)
        throw new BundleError(`verifier.onnx was made of other files than this bundle's (facedge.${key}): export it again`);
  }
}

/** The bytes of every file of a bundle, manifest and seal included; its `files` are filled in here. */
export async function sealed({ manifest, files }) {
  const entries = {};
  for (const name of Object.keys(files).sort()) entries[name] = { sha256: await sha256(files[name]), size: files[name].length };
  const text = new TextEncoder().encode(`${JSON.stringify({ ...manifest, files: entries }, null, 1)}\n`);
  return { ...files, 'manifest.json': text, 'manifest.sha256': new TextEncoder().encode(await sealOf(text)) };
}

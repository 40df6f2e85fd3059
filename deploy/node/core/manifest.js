// The manifest's keys and values, and the preprocessing that this host implements (FORMAT.md, sections 2, 5 and 7).
import { BundleError } from './errors.js';
import { isWhole } from './json.js';
import { sha256 } from './seal.js';

const FORMAT_VERSION = 1;
const MOST_DEPTH = 8;
const MOST_BYTES = 1 << 30; // of all files together
const FILE = /^(backbone\.onnx|backbone\.int8\.onnx|head\.onnx|verifier\.onnx|cohort\.npy|cohort_identities\.npy|enrolled\.npy|calibration\.json|card\.md|golden\.json|golden_[a-z0-9_]{1,60}\.npy)$/;
const KEYS = 'attribute_names calibration created created_by data embedding_size enrolled files format format_version metrics name parity precision spec spec_digest threshold usage';

function need(good, what) {
  if (!good) throw new BundleError(`manifest ${what}`);
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value, least = 0, most = 1) => typeof value === 'number' && value >= least && value <= most;
const isDigest = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isText = (value, most = 2000) =>
  typeof value === 'string' && value.trim() !== '' && [...value].length <= most && !/[\0-\x08\x0b-\x1f\x7f-\x9f]/.test(value);

function exactKeys(value, keys, where) {
  need(isObject(value), `${where}: expected a JSON object`);
  const wanted = keys.split(' ');
  const missing = wanted.find((key) => !Object.hasOwn(value, key));
  need(missing === undefined, `${where} lacks ${missing}`);
  const extra = Object.keys(value).find((key) => !wanted.includes(key));
  need(extra === undefined, `${where} has an unknown key`);
}

// Another format, or another version than 1, is refused before anything else is looked at.
export function refuseOtherVersions(manifest) {
  const { format, format_version: version } = manifest;
  need(format === 'facedge-bundle', 'format: expected "facedge-bundle"');
  need(isWhole(manifest, 'format_version', 1), 'format_version: expected a whole number of at least 1');
  if (version > FORMAT_VERSION) throw new BundleError(`format version ${version} is newer than ${FORMAT_VERSION}: upgrade facedge`);
}

export async function checkManifest(manifest) {
  exactKeys(manifest, KEYS, 'manifest.json');
  const { attribute_names: names, calibration, data, enrolled, files, threshold } = manifest;
  for (const [key, most] of [['name', 200], ['usage', 2000], ['created_by', 200]])
    need(isText(manifest[key], most), `${key}: expected a text of 1 to ${most} characters without control characters`);
  need(manifest.created === null || isText(manifest.created, 40), 'created: expected a time or null');
  exactKeys(data, 'name licence partition', 'data');
  need(Object.values(data).every((value) => isText(value)), 'data: expected texts');
  need(isWhole(manifest, 'embedding_size', 1, 65536), 'embedding_size: expected a whole number from 1 to 65536');
  need(Array.isArray(names) && names.length > 0 && names.every((name) => isText(name, 100)) && new Set(names).size === names.length,
    'attribute_names: expected at least one name, each once');
  need(typeof enrolled === 'boolean', 'enrolled: expected true or false');
  need(enrolled ? isNumber(threshold) : threshold === null && calibration === null,
    'threshold: expected a number from 0 to 1, or null where nobody is enrolled');
  if (calibration !== null) checkCalibration(calibration);
  need(['fp32', 'int8'].includes(manifest.precision), 'precision: expected fp32 or int8');
  need(isObject(manifest.parity) && Object.values(manifest.parity).every((value) => isNumber(value, 0, 1e30)), 'parity: expected numbers');
  need(isObject(manifest.metrics) && shallow(manifest.metrics), `metrics: expected a JSON object of at most ${MOST_DEPTH} levels`);
  await checkSpec(manifest);
  checkFiles(files, manifest.precision);
}

function checkCalibration(calibration) {
  exactKeys(calibration, 'far_target far_low95 far_upper95 identities comparisons method points', 'calibration');
  const { identities, method, points } = calibration;
  need(isWhole(calibration, 'identities', 1) && isWhole(calibration, 'comparisons', identities), 'calibration: expected counts of people and comparisons');
  need(isText(method), 'calibration.method: expected a text');
  need(Array.isArray(points), 'calibration.points: expected a list');
  for (const point of points) {
    exactKeys(point, 'far_target threshold far_low95 far_upper95 frr', 'calibration.points');
    need(isNumber(point.threshold) && (point.frr === null || isNumber(point.frr)), 'calibration.points: expected rates');
  }
  for (const { far_target: target, far_low95: low, far_upper95: high } of [calibration, ...points])
    need(isNumber(target) && isNumber(low) && isNumber(high, low), 'calibration: expected rates in order');
}

function shallow(value, depth = 0) {
  if (typeof value !== 'object' || value === null) return depth <= MOST_DEPTH;
  return depth <= MOST_DEPTH && Object.values(value).every((inner) => shallow(inner, depth + 1));
}

// verifier.onnx holds the preprocessing, but a spec of another algorithm or a wrong digest is another bundle than it claims.
async function checkSpec({ spec, spec_digest: digest }) {
  need(isObject(spec), 'spec: expected a JSON object');
  need(isDigest(digest), 'spec_digest: expected 64 lower-case hex digits');
  const { crop, size } = spec;
  const inside = Array.isArray(crop) && crop.length === 4 && crop.every((_, n) => isWhole(crop, n)) &&
    crop[0] < crop[2] && crop[2] <= 178 * 256 && crop[1] < crop[3] && crop[3] <= 218 * 256;
  const written = isWhole(spec, 'algorithm') && isWhole(spec, 'fraction') && isWhole(spec, 'size', 8, 512) &&
    [spec.frame, spec.luma].every((list) => Array.isArray(list) && list.every((_, n) => isWhole(list, n)));
  const text = `{"algorithm":1,"crop":[${inside ? crop : ''}],"fraction":256,"frame":[178,218],"luma":[19595,38470,7471],"size":${size}}`;
  const ours = await sha256(new TextEncoder().encode(text));
  const sorted = isObject(spec) ? JSON.stringify(Object.fromEntries(Object.entries(spec).sort(([a], [b]) => (a < b ? -1 : 1)))) : '';
  if (!inside || !written || digest !== ours || sorted !== text)
    throw new BundleError('this bundle was made with another preprocessing than this host implements: re-export with this version');
}

function checkFiles(files, precision) {
  need(isObject(files), 'files: expected a JSON object');
  for (const [name, entry] of Object.entries(files)) {
    if (!FILE.test(name)) throw new BundleError(`manifest.json lists ${JSON.stringify(name.slice(0, 80))}, which is no file of a bundle`);
    exactKeys(entry, 'sha256 size', `files.${name}`);
    need(isDigest(entry.sha256) && isWhole(entry, 'size', 1), `files.${name}: expected a sha256 and a size`);
  }
  const total = Object.values(files).reduce((sum, { size }) => sum + size, 0);
  need(total <= MOST_BYTES, `files: expected at most ${MOST_BYTES} bytes in all, got ${total}`);
  for (const name of ['backbone.onnx', 'head.onnx', ...(precision === 'int8' ? ['backbone.int8.onnx'] : [])])
    if (!Object.hasOwn(files, name)) throw new BundleError(`manifest.json does not list ${name}`);
}

// Enrolling: embeddings of a person -> the bundle that facedge enroll would write, by the bundle's calibration table.
// The score is the cosine to the mean direction of the embeddings, as a probability: facedge/enrollment/fit.py.
import { BundleError } from './errors.js';
import { toNpy } from './npy.js';
import { edited, field, joined, LENGTH, MOST_FIELDS, readFields } from './protobuf.js';
import { inspectGraph } from './onnx.js';
import { sha256 } from './seal.js';
import { CALIBRATION, lookUp, readTable } from './table.js';

const METHOD = 'cosine to the mean of the samples, calibrated to a probability on the cohort';
const EVIDENCE =
  "the cohort's people with several photos enrolled in turn, each against the others: the FAR of the method over " +
  'pairs of people; 95 % interval by bootstrap over identities';
const GRAPH = 7; // fields of ModelProto
const PROPERTIES = 14;
const INITIALIZER = 5; // of GraphProto
const NAME = 8; // of TensorProto
const RAW_DATA = 9;

/**
 * @param {{manifest: any, files: Record<string, Uint8Array>}} base its verifier.onnx, head.onnx and calibration.json
 * @param {Float32Array[]} views embeddings of length 1, all of one person
 * @param {string} name of the person
 * @returns {Promise<{manifest: any, files: Record<string, Uint8Array>, condition: string, refused: number}>} `files` are
 *   those that differ from the base's; `condition` what the views show that raised the threshold, or ''; `refused` the
 *   views that a template of the others refuses. Throws BundleError where the base cannot enroll.
 */
export async function enroll(base, views, name) {
  const { manifest, files } = base;
  if (!files[CALIBRATION]) throw new BundleError(`the bundle has no ${CALIBRATION}: run facedge bundle convert --faces`);
  const mean = meanOf(views);
  const template = unit(mean);
  const table = readTable(files[CALIBRATION], manifest.embedding_size);
  const found = lookUp(table, mean, template, views.length);
  const toScore = (cosine) => Math.fround(1 / (1 + Math.exp(-clipped(found.slope * cosine + found.shift))));
  const asPoint = ({ far_target, far_low95, far_upper95, threshold, frr }) => ({
    far_target, threshold: toScore(threshold), far_low95, far_upper95, frr,
  });
  const { threshold, frr, ...far } = asPoint(found.chosen);
  const { identities, comparisons } = table;
  const refused = refusedWhenHeldOut(views, found.chosen.threshold);
  const enrollment = {
    method: METHOD, samples: views.length, held_out_frr: refused / views.length, frr_of_cohort: frr,
    condition: found.condition || null, calibration_error: found.error,
  };
  const personal = {
    ...manifest,
    name,
    enrolled: true,
    threshold,
    calibration: { ...far, identities, comparisons, method: EVIDENCE, points: found.points.map(asPoint) },
    metrics: { ...manifest.metrics, enrollment },
    created: null,
  };
  const weights = headWeights(template.map((value) => value * found.slope), found.shift, files['head.onnx']);
  const head = withWeights(files['head.onnx'], weights, '');
  const changed = {
    'head.onnx': head,
    'verifier.onnx': await withHead(files['verifier.onnx'], weights, head, personal),
    'enrolled.npy': toNpy(views),
  };
  return { manifest: personal, files: changed, condition: found.condition, refused };
}

const clipped = (value) => Math.min(Math.max(value, -80), 80);

function meanOf(views) {
  const sum = new Array(views[0].length).fill(0);
  for (const view of views) view.forEach((value, n) => (sum[n] += value));
  return sum.map((value) => value / views.length);
}

function unit(mean) {
  const length = Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0));
  if (!(length > 1e-6)) throw new BundleError('the views have nothing in common: are they all of one person?');
  return mean.map((value) => value / length);
}

/** How many views score below the threshold where the others are enrolled. */
function refusedWhenHeldOut(views, threshold) {
  if (views.length < 2) return 0;
  return views.filter((view, n) => {
    const template = unit(meanOf(views.filter((_, other) => other !== n)));
    return !(view.reduce((sum, value, k) => sum + value * template[k], 0) >= threshold);
  }).length;
}

/** Weights of the head whose logit is weight . x + bias, with as many neurons as `head` has; all but two stay 0. */
function headWeights(weight, bias, head) {
  const neurons = tensorOf(head, 'hidden.bias').length / 4;
  if (!(neurons >= 2)) throw new BundleError('head.onnx is not a facedge head: export the bundle again');
  const hidden = new Float32Array(neurons * weight.length);
  weight.forEach((value, n) => ((hidden[n] = value), (hidden[weight.length + n] = -value)));
  const output = new Float32Array(neurons);
  [output[0], output[1]] = [1, -1];
  return {
    'hidden.weight': hidden, 'hidden.bias': new Float32Array(neurons), 'output.weight': output,
    'output.bias': Float32Array.of(bias),
  };
}

/** The raw data of an initializer of a graph. */
function tensorOf(model, wanted) {
  let found;
  eachTensor(model, (name, tensor) => {
    if (name === wanted) found = part(tensor, RAW_DATA);
    return tensor;
  });
  if (!found) throw new BundleError(`the graph has no ${wanted}: export the bundle again`);
  return found;
}

const eachTensor = (model, change) =>
  edited(model, {
    [GRAPH]: (graph) => edited(graph, { [INITIALIZER]: (tensor) => change(new TextDecoder().decode(part(tensor, NAME)), tensor) }),
  });

/** The bytes of a length-delimited field. */
function part(message, number) {
  const found = readFields(message, 0, message.length, MOST_FIELDS)?.findLast((f) => f.number === number && f.wire === LENGTH);
  return message.subarray(found?.start ?? 0, found?.end ?? 0);
}

/** The graph with these weights in place of those called `prefix` and their name. */
function withWeights(model, weights, prefix) {
  const left = new Set(Object.keys(weights));
  const out = eachTensor(model, (name, tensor) => {
    const own = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !left.delete(own)) return tensor;
    const fresh = new Uint8Array(weights[own].buffer);
    if (part(tensor, RAW_DATA).length !== fresh.length) throw new BundleError(`${name} has another shape than head.onnx has`);
    return edited(tensor, { [RAW_DATA]: () => fresh });
  });
  if (left.size) throw new BundleError(`the graph has no ${prefix}${[...left][0]}: export the bundle again`);
  return out;
}

/** verifier.onnx with another head, and the properties that change with it. */
async function withHead(verifier, weights, head, { name, threshold }) {
  const properties = {
    ...inspectGraph('verifier.onnx', verifier).properties,
    'facedge.name': name,
    'facedge.enrolled': 'true',
    'facedge.threshold': decimal(threshold),
    'facedge.head_sha256': await sha256(head),
  };
  const bare = edited(withWeights(verifier, weights, 'head/'), { [PROPERTIES]: () => null });
  const entries = Object.keys(properties).sort().map((key) => field(PROPERTIES, joined([field(1, key), field(2, properties[key])])));
  return joined([bare, ...entries]);
}

/** A number of 0 to 1 as Python prints it, which facedge compares as text. */
function decimal(value) {
  if (Number.isInteger(value)) return `${value}.0`;
  return value >= 1e-4 ? String(value) : value.toExponential().replace(/-(\d)$/, '-0$1');
}

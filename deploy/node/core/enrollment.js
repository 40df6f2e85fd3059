// Enrolling: embeddings of a person -> the bundle that facedge enroll would write. The core computes (fit.js); here are the files.
import { BundleError } from './errors.js';
import { fit } from './fit.js';
import { readNpy, toNpy } from './npy.js';
import { edited, field, joined, LENGTH, MOST_FIELDS, readFields } from './protobuf.js';
import { inspectGraph } from './onnx.js';
import { sha256 } from './seal.js';
import { CALIBRATION, readTable } from './table.js';

const METHOD = 'cosine to the mean of the samples, calibrated to a probability on the cohort';
const EVIDENCE =
  "the cohort's people with several photos enrolled in turn, each against the others: the FAR of the method over " +
  'pairs of people; 95 % interval by bootstrap over identities';
const OWN_IMPOSTORS = 1_000_000;
const GRAPH = 7; // fields of ModelProto
const PROPERTIES = 14;
const INITIALIZER = 5; // of GraphProto
const NAME = 8; // of TensorProto
const RAW_DATA = 9;

/**
 * @param {BufferSource} wasm the bytes of facedge.wasm
 * @param {{manifest: any, files: Record<string, Uint8Array>}} base its verifier.onnx, head.onnx, calibration.json and cohort
 * @param {Float32Array[]} views embeddings of length 1, all of one person
 * @param {string} name of the person
 * @returns {Promise<import('./fit.js').Fitted & {manifest?: any, files?: Record<string, Uint8Array>, conditionName?: string}>} with
 *   a fault nobody is enrolled; otherwise `files` are those that differ from the base's, and `conditionName` is what the views
 *   show that raised the threshold, or ''. Throws BundleError where the base cannot enroll.
 */
export async function enroll(wasm, base, views, name) {
  const { manifest, files } = base;
  if (!files[CALIBRATION]) throw new BundleError(`the bundle has no ${CALIBRATION}: run facedge bundle convert --faces`);
  const table = readTable(files[CALIBRATION], manifest.embedding_size);
  const fitted = await fit(wasm, { views, table, ...readCohort(files) });
  if (fitted.fault) return fitted;
  const { weight, shift, kept, threshold, condition } = fitted;
  const conditionName = condition < 0 ? '' : table.conditions[condition].name;
  const personal = {
    ...manifest,
    name,
    enrolled: true,
    threshold,
    calibration: calibrationOf(fitted, table),
    metrics: { ...manifest.metrics, enrollment: figuresOf(fitted, conditionName) },
    created: null,
    created_by: 'facedge.js',
  };
  const weights = headWeights(weight, shift, files['head.onnx']);
  const head = withWeights(files['head.onnx'], weights, '');
  const changed = {
    'head.onnx': head,
    'verifier.onnx': await withHead(files['verifier.onnx'], weights, head, personal),
    'enrolled.npy': toNpy(kept.map((k) => views[k])),
  };
  return { ...fitted, manifest: personal, files: changed, conditionName };
}

/** The people of the bundle's cohort; identities from 1,000,000 on are impostors that the user of the base added. */
function readCohort({ 'cohort.npy': cohort, 'cohort_identities.npy': named }) {
  if (!cohort) throw new BundleError('the bundle carries no cohort, so no threshold can be justified: export it with --faces');
  const { shape, data } = readNpy('cohort.npy', cohort);
  const identities = named
    ? new Int32Array(readNpy('cohort_identities.npy', named).data.buffer)
    : Int32Array.from({ length: shape[0] }, (_, row) => row);
  if (identities.some((person) => person >= OWN_IMPOSTORS))
    throw new BundleError(`the bundle holds impostors of its user's own, for which its ${CALIBRATION} does not hold: use facedge enroll`);
  return { cohort: new Float32Array(data.buffer), identities };
}

/** The manifest's calibration. */
function calibrationOf({ points, chosen }, { identities, comparisons }) {
  const { far_target, far_low95, far_upper95 } = points[chosen];
  return { far_target, far_low95, far_upper95, identities, comparisons, method: EVIDENCE, points };
}

/** The figures of an enrollment: those of facedge/enrollment/fit.py that are computed here. */
const figuresOf = ({ kept, refused, points, chosen, error, frrBefore, passed, passedPeople, likeness }, condition) => ({
  method: METHOD,
  samples: kept.length,
  held_out_frr: refused < 0 ? null : refused / kept.length,
  frr_of_cohort: points[chosen].frr,
  cohort_identities_that_pass: passedPeople,
  cohort_images_that_pass: passed,
  frr_of_cohort_before_raised: frrBefore,
  calibration_error: error,
  sample_likeness: Number.isNaN(likeness) ? null : likeness,
  condition: condition || null,
});

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

// The core's enrollment (ext/enrollment.h) as WebAssembly: embeddings, a cohort and a table go in, a score with its threshold comes out.
import { BundleError } from './errors.js';
import { flatTable } from './table.js';

const FAULTS = [null, 'nothing_common', 'several_people', 'no_such_far', 'mostly_refused'];
const MOST_SAMPLES = 20;

/**
 * @typedef {object} Fitted
 * @property {null | 'nothing_common' | 'several_people' | 'no_such_far' | 'mostly_refused'} fault without one, the rest is there too
 * @property {number[]} mismatched places of the views that do not match the others
 * @property {number[]} kept places of the views that the template is made of
 * @property {Float64Array} weight of the head's logit, weight . embedding + shift
 * @property {number} threshold of the head's probability
 * @property {object[]} points of the manifest's calibration; `chosen` is the place of the one in force
 * @property {number} condition its place in the table; -1 where none raised the threshold
 * @property {number} refused samples that a template of the others refuses; -1 with one sample
 * @property {boolean} nearOthers people in general are like this template
 * @property {boolean} oneMoment the samples are nearly the same picture
 */

/**
 * @param {BufferSource} wasm the bytes of facedge.wasm
 * @param {object} asked
 * @param {Float32Array[]} asked.views embeddings of length 1
 * @param {object} asked.table of readTable
 * @param {Float32Array} asked.cohort embeddings, row by row
 * @param {Int32Array} asked.identities who is in each row
 * @param {number} [asked.far] a target of the table; 0 for 0.001, or the lowest above it
 * @param {number} [asked.most] views that become samples
 * @returns {Promise<Fitted>}
 */
export async function fit(wasm, { views, table, cohort, identities, far = 0, most = MOST_SAMPLES }) {
  const { instance } = await WebAssembly.instantiate(wasm, {});
  const core = instance.exports; // of this enrollment alone: its memory goes with it
  core._initialize();
  const [size, points] = [views[0].length, table.rows[0].points.length];
  const shape = [views.length, size, most, far, identities.length, table.rows.length, points, table.conditions.length];
  if (!core.enroll_begin(...shape)) throw new BundleError('this enrollment needs more memory than there is: give fewer views');
  const floats = new Float32Array(core.memory.buffer, core.enroll_views(), views.length * size);
  views.forEach((view, n) => floats.set(view, n * size));
  new Float32Array(core.memory.buffer, core.enroll_cohort(), cohort.length).set(cohort);
  new Int32Array(core.memory.buffer, core.enroll_identities(), identities.length).set(identities);
  const numbers = flatTable(table);
  new Float64Array(core.memory.buffer, core.enroll_table(), numbers.length).set(numbers);
  return result(core, FAULTS[core.enroll()], views.length, size, points);
}

function result(core, fault, views, size, points) {
  const doubles = (at, count) => new Float64Array(core.memory.buffer, at, count).slice();
  const flags = new Uint8Array(core.memory.buffer, core.enrolled_mismatched(), views);
  const [samples, refused, threshold, shift, error, chosen, condition, frrBefore, passed, passedPeople, likeness, near, moment] =
    doubles(core.enrolled_summary(), 13);
  const numbers = doubles(core.enrolled_points(), 5 * points); // target, cosine, low95, high95, FRR
  const point = (k) => {
    const [far_target, , far_low95, far_upper95, frr] = numbers.subarray(5 * k);
    return { far_target, threshold: core.enrolled_score(k), far_low95, far_upper95, frr };
  };
  return {
    fault,
    mismatched: Array.from(flags.keys()).filter((k) => flags[k]),
    kept: Array.from({ length: samples }, (_, k) => core.enrolled_kept(k)),
    weight: doubles(core.enrolled_weight(), size),
    points: Array.from({ length: points }, (_, k) => point(k)),
    threshold, shift, error, chosen, condition, refused, frrBefore, passed, passedPeople, likeness,
    nearOthers: near === 1,
    oneMoment: moment === 1,
  };
}

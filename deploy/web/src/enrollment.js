// Enrollment: the mean of a person's embeddings is the template; a probe's score says by how many standard deviations it
// is nearer to the template than the impostor cohort. The threshold is common to all people and comes from the cohort, whose
// people are enrolled in turn, each against all the others: N people make N (N - 1) / 2 pairs, which is what lets a
// hundred of them support a FAR of 0.1 %.

import { lowestSupportedPoint } from './far.js';

const MOST_IMAGES = 10; // of a cohort's person that enroll
const FEWEST_PEOPLE = 8;
const AGREEING = 2 / 3; // share of the pairs of views that must be accepted; 9 views of one and 3 of another give 0.59

/**
 * @typedef {object} Enrollment
 * @property {Float64Array} template of unit length
 * @property {number} mean @property {number} deviation of the cohort's cosines to the template
 */

/** @param {Float32Array[]} views embeddings of one person @returns {Enrollment} */
export function enroll(views, cohort) {
  const template = meanDirection(views);
  return { template, ...moments(cohort.rows.map((row) => cosine(template, row))) };
}

/** Higher is more alike; impostors have mean 0 and deviation 1. NaN for an invalid embedding. */
export function score(enrollment, embedding) {
  return (cosine(enrollment.template, embedding) - enrollment.mean) / enrollment.deviation;
}

/** Whether the views are of one person: each enrolled alone, most of the pairs are accepted. */
export function isConsistent(views, cohort, threshold) {
  let accepted = 0;
  for (const view of views) {
    const alone = enroll([view], cohort);
    accepted += views.filter((other) => other !== view && score(alone, other) >= threshold).length;
  }
  return accepted >= AGREEING * views.length * (views.length - 1);
}

/** The common threshold, the evidence behind it, and the histogram of impostor scores. */
export function calibrate(cohort) {
  const comparisons = impostorComparisons(cohort);
  return { ...lowestSupportedPoint(comparisons), impostors: histogram(comparisons.scores) };
}

export const BIN = 0.25; // of a histogram, in standard deviations
export const FIRST_BIN = -4;

/** Shares of scores in bins from FIRST_BIN on; the outer bins hold everything beyond. */
export function histogram(scores, bins = 64) {
  const shares = new Array(bins).fill(0);
  for (const value of scores) {
    const bin = Math.floor((value - FIRST_BIN) / BIN);
    shares[Math.min(Math.max(bin, 0), bins - 1)] += 1 / scores.length;
  }
  return shares;
}

/** Every person of the cohort enrolled in turn, everybody else's score. @returns {import('./far.js').Comparisons} */
export function impostorComparisons({ rows, people }) {
  const known = [...new Set(people)];
  if (known.length < FEWEST_PEOPLE) {
    throw new Error(`the bundle's cohort has ${known.length} people, enrollment needs ${FEWEST_PEOPLE}: export it again with more`);
  }
  const codeOf = new Map(known.map((who, code) => [who, code]));
  const codes = people.map((who) => codeOf.get(who));
  const found = { scores: [], first: [], second: [] };
  for (let who = 0; who < known.length; who++) {
    const mine = rows.filter((_, n) => codes[n] === who);
    const template = meanDirection(mine.slice(0, MOST_IMAGES));
    const cosines = rows.map((row) => cosine(template, row));
    // Impostors are normalised by the other half of the cohort, as a probe is not part of the moments that score it.
    for (const half of [0, 1]) {
      const of = (side) => cosines.map((_, n) => n).filter((n) => codes[n] !== who && codes[n] % 2 === side);
      const { mean, deviation } = moments(of(1 - half).map((n) => cosines[n]));
      for (const n of of(half)) {
        found.scores.push((cosines[n] - mean) / deviation);
        found.first.push(who);
        found.second.push(codes[n]);
      }
    }
  }
  return {
    scores: Float64Array.from(found.scores),
    first: Int32Array.from(found.first),
    second: Int32Array.from(found.second),
    people: known.length,
  };
}

function meanDirection(rows) {
  const sum = new Float64Array(rows[0].length);
  for (const row of rows) row.forEach((value, n) => (sum[n] += value));
  const length = Math.hypot(...sum);
  return sum.map((value) => value / length);
}

function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) || 1 };
}

function cosine(a, b) {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n] * b[n];
  return sum;
}

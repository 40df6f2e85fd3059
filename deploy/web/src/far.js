// The threshold for a false accept rate, and how far that rate can be believed: facedge/metrics in plain JavaScript.

const USUAL_FARS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const RULE_OF_30 = 30; // pairs of people accepted, from which on the bootstrap needs no help (Doddington et al., 2000)
const REPLICATES = 400;

/**
 * Impostor comparisons: scores, and the two people (numbers below `people`) that each one compares.
 * @typedef {{scores: Float64Array, first: Int32Array, second: Int32Array, people: number}} Comparisons
 */

/**
 * @typedef {object} OperatingPoint  accept if score >= threshold
 * @property {number} threshold
 * @property {number} target the requested FAR
 * @property {number} upper95 the upper end of the 95 % interval of the FAR
 * @property {number} people @property {number} pairs @property {number} comparisons
 */

/** The threshold for the lowest usual FAR that so many people support. @param {Comparisons} impostors */
export function lowestSupportedPoint(impostors) {
  const sorted = impostors.scores.slice().sort();
  for (const target of USUAL_FARS) {
    const allowed = Math.floor(target * sorted.length + 1e-9);
    const threshold = nextAbove(sorted[sorted.length - 1 - allowed]);
    const pairs = countPairs(impostors, threshold);
    if (pairs.counts.size < trialsNeeded(target) && pairs.hits.size < RULE_OF_30) continue;
    return {
      threshold,
      target,
      upper95: upperBound(pairs, impostors.people),
      people: impostors.people,
      pairs: pairs.counts.size,
      comparisons: sorted.length,
    };
  }
  throw new Error('the cohort of the bundle is too small to set a threshold: export it again with more people');
}

/** Independent trials without an event that bound a rate by `rate` at 95 % (Hanley and Lippman-Hand, 1983). */
export function trialsNeeded(rate) {
  return Math.ceil(Math.log(0.05) / Math.log1p(-rate));
}

/** Comparisons (`counts`) and accepted comparisons (`hits`) of each pair of people. */
function countPairs({ scores, first, second, people }, threshold) {
  const [counts, hits] = [new Map(), new Map()];
  scores.forEach((score, n) => {
    const pair = Math.min(first[n], second[n]) * people + Math.max(first[n], second[n]);
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
    if (score >= threshold) hits.set(pair, (hits.get(pair) ?? 0) + 1);
  });
  return { counts, hits };
}

/** Bootstrap over people; with few accepted pairs it falls short, so an exact bound may widen it. */
function upperBound({ counts, hits }, people) {
  if (!hits.size) return -Math.expm1(Math.log(0.05) / counts.size);
  const bound = bootstrapUpper(counts, hits, people);
  return hits.size < RULE_OF_30 ? Math.max(bound, binomialUpper(hits.size, counts.size)) : bound;
}

function bootstrapUpper(counts, hits, people) {
  const random = randomNumbers(1);
  const weighed = (weights, map) => {
    let sum = 0;
    for (const [pair, count] of map) sum += weights[Math.floor(pair / people)] * weights[pair % people] * count;
    return sum;
  };
  const rates = [];
  for (let replicate = 0; replicate < REPLICATES; replicate++) {
    const weights = new Int32Array(people);
    for (let n = 0; n < people; n++) weights[Math.floor(random() * people)]++;
    const all = weighed(weights, counts);
    if (all) rates.push(weighed(weights, hits) / all);
  }
  return rates.sort((a, b) => a - b)[Math.floor(0.975 * (rates.length - 1))];
}

/** Upper end of the exact 95 % interval of a rate after `events` in `trials` (Clopper and Pearson, 1934). */
export function binomialUpper(events, trials) {
  let [low, high] = [events / trials, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (atMost(events, trials, middle) > 0.025) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(X <= events) for X binomial. */
function atMost(events, trials, rate) {
  let logTerm = trials * Math.log1p(-rate);
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= events; k++) {
    logTerm += Math.log((trials - k + 1) / k) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(logTerm);
  }
  return sum;
}

/** The next double above a finite one, so that ties with it are turned away. */
export function nextAbove(value) {
  if (value === 0) return Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return view.getFloat64(0);
}

/** Mulberry32 (T. Ettinger, public domain): reproducible numbers in [0, 1). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

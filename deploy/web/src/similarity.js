// Five landmarks -> the similarity that brings a face to CelebA geometry, and its fixed-point form.
// facedge/faces/align.py in plain JavaScript; complex numbers are pairs [re, im].

import { TARGET } from './geometry.js';

const ONE = 2 ** 32; // a pixel in fixed point; positions stay below 2^53
const MOST_SAMPLES = 31;
const ENLARGED = 1 + 1 / 1024; // a step up to here needs one sample
const LEAST_SPREAD = 1; // root mean square distance of landmarks from their mean, in pixels
const MOST_SPREAD = 16384;
const LEAST_LIKENESS = 0.5; // 1: the landmarks have the target's shape

const times = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];
export const plus = (...terms) => terms.reduce(([a, b], [c, d]) => [a + c, b + d]);
export const minus = ([a, b], [c, d]) => [a - c, b - d];
export const scale = ([a, b], by) => [a * by, b * by];
const conjugate = ([a, b]) => [a, -b];
const mean = (points) => scale(plus(...points), 1 / points.length);
const dot = (p, q) => plus(...p.map((z, n) => times(conjugate(z), q[n]))); // as numpy's vdot

/** (m, t) such that m z + t brings `source` nearest to `target` in least squares: turn, scale and shift. */
export function fitSimilarity(source, target) {
  const [p, q] = [centred(source), centred(target)];
  const m = scale(dot(p, q), 1 / dot(p, p)[0]);
  return { m, t: minus(mean(target), times(m, mean(source))) };
}

function centred(points) {
  const middle = mean(points);
  return points.map((z) => minus(z, middle));
}

/** Whether the landmarks are those of a face in a frame of that size, so that aligning makes sense. */
export function isPlausibleFace(landmarks, height, width) {
  if (!landmarks.flat().every(Number.isFinite)) return false;
  const [x, y] = mean(landmarks);
  const [p, q] = [centred(landmarks), centred(TARGET)];
  const spread = Math.sqrt(dot(p, p)[0] / p.length);
  const likeness = Math.hypot(...dot(p, q)) / Math.sqrt(dot(p, p)[0] * dot(q, q)[0]);
  const inside = x >= 0 && x <= width && y >= 0 && y <= height;
  return spread >= LEAST_SPREAD && spread <= MOST_SPREAD && inside && likeness >= LEAST_LIKENESS;
}

const reciprocal = (m) => scale(conjugate(m), 1 / (m[0] * m[0] + m[1] * m[1]));

/** The way back from z' = m z + t, as a function of a point. */
export function inverted({ m, t }) {
  const back = reciprocal(m);
  return (point) => times(minus(point, t), back);
}

/** Where a crop is read from the frame, given m z + t from frame to crop: the plan that align.js follows, in 1/2^32 pixel. */
export function samplingFor({ m, t }) {
  const step = reciprocal(m); // frame pixels in a crop pixel
  const samples = sampleCount(Math.hypot(...step));
  const point = scale(step, 1 / samples);
  // The first point is half a point inside the crop's corner; positions count from a pixel's centre.
  const first = plus(scale(times(t, step), -1), times(point, [0.5, 0.5]), [-0.5, -0.5]);
  const half = ONE / 256; // of 1/128 pixel: positions are cut to that, and so they round
  return {
    samples,
    x0: Math.round(first[0] * ONE) + half,
    y0: Math.round(first[1] * ONE) + half,
    dx: Math.round(point[0] * ONE),
    dy: Math.round(point[1] * ONE),
  };
}

/** Samples on a side of an output pixel `step` frame pixels long: enough that nothing aliases. */
export function sampleCount(step) {
  return step <= ENLARGED ? 1 : Math.min(Math.ceil(1 + step / 2), MOST_SAMPLES);
}

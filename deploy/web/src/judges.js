// Scores, threshold and evidence of the person enrolled in this page, or of the person enrolled in the bundle: one interface.

import { score } from './enrollment.js';
import { ends } from './scale.js';
import { basisOfBundle, basisOfPage, evidenceWords } from './words.js';

/**
 * @typedef {object} Judge
 * @property {number} threshold accept if score >= threshold
 * @property {(sight: import('./sight.js').Sight) => number} scoreOf
 * @property {(score: number) => object} scale the argument of drawScale
 * @property {string[]} evidence paragraphs
 */

/** @returns {Judge} */
export function judgeOfPage({ enrollment, point }) {
  const { threshold, impostors } = point;
  return {
    threshold,
    scoreOf: (sight) => score(enrollment, sight.embedding),
    scale: (value) => ({ score: value, threshold, impostors, ...ends(value, threshold) }),
    evidence: evidenceWords(point, basisOfPage(point)),
  };
}

/** @returns {Judge} */
export function judgeOfBundle({ threshold, calibration }) {
  const point = calibration && { target: calibration.far_target, upper95: calibration.far_upper95 };
  return {
    threshold,
    scoreOf: (sight) => sight.probability,
    scale: (value) => ({ score: value, threshold, low: 0, high: 1 }),
    evidence: point
      ? evidenceWords(point, basisOfBundle(calibration))
      : ['The threshold of this verifier was set by hand: its false accept rate is not known.'],
  };
}

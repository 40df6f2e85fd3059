// Who decides: the person enrolled in this page, or the one whom the bundle was made for. Both answer the same questions.

import { score } from './enrollment.js';
import { ends } from './scale.js';
import { basisOfBundle, basisOfPage, evidenceWords } from './words.js';

/**
 * @typedef {object} Judge
 * @property {number} threshold accept if score >= threshold
 * @property {(sight: import('./sight.js').Sight) => number} scoreOf
 * @property {(score: number) => object} scale what scale.js draws
 * @property {string[]} evidence paragraphs
 */

/** @returns {Judge} */
export function judgeOfPage({ enrollment, point }) {
  const { threshold, strangers } = point;
  return {
    threshold,
    scoreOf: (sight) => score(enrollment, sight.embedding),
    scale: (value) => ({ score: value, threshold, strangers, ...ends(value, threshold) }),
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
      : ['The threshold of this verifier was set by hand: nobody knows how often a stranger is accepted.'],
  };
}

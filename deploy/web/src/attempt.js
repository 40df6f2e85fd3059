// One attempt to be verified: the median score of five frames decides, so three of them must pass each by itself. Frames of
// two people therefore do not add up: whoever is accepted would have been by most of their own frames alone.

export const FRAMES = 5;

/**
 * @param {number[]} scores one a frame
 * @returns {{accepted: boolean, score: number | null}} rejected where a score is no number or frames are missing
 */
export function decide(scores, threshold) {
  if (scores.length < FRAMES || !scores.every(Number.isFinite) || !Number.isFinite(threshold)) {
    return { accepted: false, score: null };
  }
  const score = median(scores);
  return { accepted: score >= threshold, score };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1]; // the lower middle of an even number
}

// One attempt to be verified: the median score of a few frames decides. A single frame decides nothing, and
// as the frames of an attempt are correlated, its FAR is about that of a single frame.

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

// The score drawn as SVG: the histogram of impostor scores, the threshold, and this face's score.

import { BIN, FIRST_BIN } from './enrollment.js';

const WIDTH = 400;
const BASE = 50; // y of the axis
const HUMP = 40; // height of the histogram

/**
 * @param {{score: number, threshold: number, low: number, high: number, impostors?: number[]}} it
 * @returns {string} the inside of an <svg viewBox="0 0 400 78">
 */
export function drawScale({ score, threshold, low, high, impostors }) {
  const x = (value) => Math.round(10 * (8 + (WIDTH - 16) * Math.min(Math.max((value - low) / (high - low), 0), 1))) / 10;
  const [you, from] = [x(score), x(threshold)];
  const anchor = (at) => (at < 60 ? 'start' : at > WIDTH - 60 ? 'end' : 'middle');
  return `
    ${impostors ? `<path class="impostors" d="${hump(impostors, x)}"/>` : ''}
    <line class="axis" x1="8" x2="${WIDTH - 8}" y1="${BASE}" y2="${BASE}"/>
    <line class="threshold" x1="${from}" x2="${from}" y1="6" y2="${BASE + 6}"/>
    <text x="${from}" y="${BASE + 23}" text-anchor="${from > WIDTH - 140 ? 'end' : 'start'}">accepted from here</text>
    ${impostors ? `<text x="${x(0)}" y="${BASE + 23}" text-anchor="middle">other people</text>` : ''}
    <circle class="you" cx="${you}" cy="${BASE}" r="8"/>
    <text class="you-word" x="${you}" y="${BASE - 17}" text-anchor="${anchor(you)}">this face</text>`;
}

function hump(shares, x) {
  const most = Math.max(...shares);
  const points = shares.map((share, n) => `${x(FIRST_BIN + (n + 0.5) * BIN)} ${(BASE - (HUMP * share) / most).toFixed(1)}`);
  return `M${x(FIRST_BIN)} ${BASE}L${points.join('L')}V${BASE}Z`;
}

/** The ends of a scale that shows impostors, threshold and score. */
export function ends(score, threshold) {
  return { low: FIRST_BIN, high: Math.max(2.6 * threshold, score + 1) };
}

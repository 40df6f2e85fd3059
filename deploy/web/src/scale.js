// The score as a picture: where strangers lie, from where on a face is accepted, where this one came to lie.

import { BIN, FIRST_BIN } from './enrollment.js';

const WIDTH = 400;
const BASE = 50; // y of the axis
const HUMP = 40; // height of the strangers

/**
 * @param {{score: number, threshold: number, low: number, high: number, strangers?: number[]}} it
 * @returns {string} the inside of an <svg viewBox="0 0 400 78">
 */
export function drawScale({ score, threshold, low, high, strangers }) {
  const x = (value) => Math.round(10 * (8 + (WIDTH - 16) * Math.min(Math.max((value - low) / (high - low), 0), 1))) / 10;
  const [you, from] = [x(score), x(threshold)];
  const anchor = (at) => (at < 60 ? 'start' : at > WIDTH - 60 ? 'end' : 'middle');
  return `
    ${strangers ? `<path class="strangers" d="${hump(strangers, x)}"/>` : ''}
    <line class="axis" x1="8" x2="${WIDTH - 8}" y1="${BASE}" y2="${BASE}"/>
    <line class="threshold" x1="${from}" x2="${from}" y1="6" y2="${BASE + 6}"/>
    <text x="${from}" y="${BASE + 23}" text-anchor="${from > WIDTH - 140 ? 'end' : 'start'}">accepted from here</text>
    ${strangers ? `<text x="${x(0)}" y="${BASE + 23}" text-anchor="middle">strangers</text>` : ''}
    <circle class="you" cx="${you}" cy="${BASE}" r="8"/>
    <text class="you-word" x="${you}" y="${BASE - 17}" text-anchor="${anchor(you)}">this face</text>`;
}

function hump(shares, x) {
  const most = Math.max(...shares);
  const points = shares.map((share, n) => `${x(FIRST_BIN + (n + 0.5) * BIN)} ${(BASE - (HUMP * share) / most).toFixed(1)}`);
  return `M${x(FIRST_BIN)} ${BASE}L${points.join('L')}V${BASE}Z`;
}

/** The ends of a scale that shows strangers, threshold and score without crowding. */
export function ends(score, threshold) {
  return { low: FIRST_BIN, high: Math.max(2.6 * threshold, score + 1) };
}

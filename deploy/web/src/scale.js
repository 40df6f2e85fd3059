// The score drawn as SVG: from 0 to 1, with the threshold and this face's score.

const WIDTH = 400;
const BASE = 50; // y of the axis

/** @param {{score: number, threshold: number}} it @returns {string} the inside of an <svg viewBox="0 0 400 78"> */
export function drawScale({ score, threshold }) {
  const x = (value) => Math.round(10 * (8 + (WIDTH - 16) * Math.min(Math.max(value, 0), 1))) / 10;
  const [you, from] = [x(score), x(threshold)];
  const anchor = you < 60 ? 'start' : you > WIDTH - 60 ? 'end' : 'middle';
  return `
    <line class="axis" x1="8" x2="${WIDTH - 8}" y1="${BASE}" y2="${BASE}"/>
    <line class="threshold" x1="${from}" x2="${from}" y1="6" y2="${BASE + 6}"/>
    <text x="${from}" y="${BASE + 23}" text-anchor="${from > WIDTH - 140 ? 'end' : 'start'}">accepted from here</text>
    <circle class="you" cx="${you}" cy="${BASE}" r="8"/>
    <text class="you-word" x="${you}" y="${BASE - 17}" text-anchor="${anchor}">this face</text>`;
}

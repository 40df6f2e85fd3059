// A frame brought to the detector's input: antialiased resize, zero padding, planes blue first.
// The same integers as facedge/faces/boxes.py.

import { taps } from './weights.js';

const STRIDE = 32;
const SMALLEST_SIDE = 128;
const MOST_ENLARGEMENT = 2;

/** How a frame lies in the input: `height` x `width` pixels in the top left corner of inputHeight x inputWidth. */
export function fit(height, width, longerSide) {
  const scale = Math.min(longerSide / Math.max(height, width), MOST_ENLARGEMENT);
  const h = Math.max(1, roundHalfEven(height * scale));
  const w = Math.max(1, roundHalfEven(width * scale));
  return { height: h, width: w, inputHeight: inputSide(h), inputWidth: inputSide(w) };
}

function inputSide(pixels) {
  return Math.max(Math.ceil(pixels / STRIDE) * STRIDE, SMALLEST_SIDE);
}

function roundHalfEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/**
 * @param {import('./geometry.js').Picture} picture
 * @returns {Float32Array} 3 x inputHeight x inputWidth, from 0 to 255
 */
export function inputPlanes(picture, box) {
  const rows = shrinkRows(picture, taps(picture.height, box.height));
  return shrinkColumns(rows, picture.width, taps(picture.width, box.width), box);
}

/** The vertical half: (rows, width * 3), each sum rounded to a sixteenth of a grey level. */
function shrinkRows({ data, width, channels }, rowTaps) {
  const out = new Int32Array(rowTaps.length * width * 3);
  rowTaps.forEach(({ first, weights }, row) => {
    const to = row * width * 3;
    weights.forEach((weight, n) => {
      if (!weight) return;
      let from = (first + n) * width * channels;
      for (let at = to; at < to + width * 3; at += 3, from += channels) {
        out[at] += weight * data[from];
        out[at + 1] += weight * data[from + 1];
        out[at + 2] += weight * data[from + 2];
      }
    });
    for (let at = to; at < to + width * 3; at++) out[at] = (out[at] + 128) >> 8;
  });
  return out;
}

function shrinkColumns(rows, width, columnTaps, box) {
  const plane = box.inputHeight * box.inputWidth;
  const out = new Float32Array(3 * plane);
  columnTaps.forEach(({ first, weights }, column) => {
    for (let row = 0; row < box.height; row++) {
      let red = 1 << 15;
      let green = 1 << 15;
      let blue = 1 << 15;
      let from = (row * width + first) * 3;
      for (const weight of weights) {
        red += weight * rows[from++];
        green += weight * rows[from++];
        blue += weight * rows[from++];
      }
      const at = row * box.inputWidth + column;
      out[at] = blue >> 16;
      out[at + plane] = green >> 16;
      out[at + 2 * plane] = red >> 16;
    }
  });
  return out;
}

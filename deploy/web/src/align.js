// A face in a frame -> the aligned 178x218 crop. The integers of facedge/faces/align.py: each output pixel is
// the mean of samples x samples points of the frame, each read by linear interpolation at 1/128 pixel.

import { FRAME_HEIGHT, FRAME_WIDTH, TARGET } from './geometry.js';
import { fitSimilarity, samplingFor } from './similarity.js';

const TO_128TH = 2 ** -25; // from 1/2^32 pixel to 1/128 pixel

/** @param {import('./geometry.js').Picture} picture @returns {Uint8Array} 218 x 178 x 3, RGB */
export function align(picture, landmarks) {
  return samplePicture(picture, samplingFor(fitSimilarity(landmarks, TARGET)), FRAME_HEIGHT, FRAME_WIDTH);
}

/** height x width x 3 bytes, read from the picture as the plan says. */
export function samplePicture(picture, sampling, height, width) {
  const out = new Uint8Array(height * width * 3);
  const { samples, x0, y0, dx, dy } = sampling;
  const count = samples * samples;
  const sums = new Uint32Array(3); // below 2^32 for up to 31 samples a side
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      sums.fill(count << 13); // half a level
      for (let i = 0; i < samples; i++) {
        const v = row * samples + i;
        for (let j = 0; j < samples; j++) {
          const u = column * samples + j;
          addPoint(picture, sums, x0 + u * dx - v * dy, y0 + u * dy + v * dx);
        }
      }
      out[at] = (sums[0] >>> 14) / count;
      out[at + 1] = (sums[1] >>> 14) / count;
      out[at + 2] = (sums[2] >>> 14) / count;
    }
  }
  return out;
}

/** Add 2^14 times the frame's value at (x, y), in 1/2^32 pixel from the centre of its first pixel; borders repeat. */
function addPoint({ data, width, height, channels }, sums, x, y) {
  const atX = Math.min(Math.max(Math.floor(x * TO_128TH), 0), (width - 1) * 128);
  const atY = Math.min(Math.max(Math.floor(y * TO_128TH), 0), (height - 1) * 128);
  const fx = atX & 127;
  const fy = atY & 127;
  const upper = (atY >> 7) * width;
  const lower = Math.min((atY >> 7) + 1, height - 1) * width;
  const left = atX >> 7;
  const right = Math.min(left + 1, width - 1);
  const a = (upper + left) * channels;
  const b = (upper + right) * channels;
  const c = (lower + left) * channels;
  const d = (lower + right) * channels;
  for (let n = 0; n < 3; n++) {
    const top = (128 - fx) * data[a + n] + fx * data[b + n];
    const bottom = (128 - fx) * data[c + n] + fx * data[d + n];
    sums[n] += (128 - fy) * top + fy * bottom;
  }
}

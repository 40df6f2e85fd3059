// Landmark refinement by a second detection on an upright window around the face, as facedge/faces/landmarks.py:
// the network biases the landmarks of a small tilted face towards an upright one.

import { samplePicture } from './align.js';
import { consensus } from './faces.js';
import { TARGET } from './geometry.js';
import { fitSimilarity, inverted, minus, plus, samplingFor, scale } from './similarity.js';

const WINDOW = 256; // side in pixels of the network's input
const FACE = 150; // pixels of the window that a face is wide
const FACE_OF_CROP = 84; // pixels of the aligned crop that a face is wide
const MIDDLE = [88, 126]; // of the face in the crop, brought to the middle of the window
const LEAST_SCORE = 0.3;
const SAME_FACE = 0.5; // IoU
const FARTHEST = WINDOW / 5; // pixels from the window's middle; what is farther is another face

/**
 * Refined landmarks of a detected face; unchanged where the second detection does not find it again.
 * @param {import('./geometry.js').Picture} picture
 * @param {(planes: Float32Array, height: number, width: number, leastScore: number) => Promise<import('./faces.js').Face[]>} candidates
 */
export async function refine(picture, landmarks, candidates) {
  const zoom = FACE / FACE_OF_CROP;
  const fit = fitSimilarity(landmarks, TARGET);
  const window = {
    m: scale(fit.m, zoom),
    t: plus(scale(minus(fit.t, MIDDLE), zoom), [WINDOW / 2, WINDOW / 2]),
  };
  const pixels = samplePicture(picture, samplingFor(window), WINDOW, WINDOW);
  const found = await candidates(planes(pixels), WINDOW, WINDOW, LEAST_SCORE);
  const best = inTheMiddle(found);
  if (!best) return landmarks;
  const inPhoto = inverted(window);
  return consensus(found, best, SAME_FACE).map((point) => inPhoto(point).map(Math.fround));
}

/** Interleaved RGB bytes -> planes, blue first. */
function planes(pixels) {
  const size = pixels.length / 3;
  const out = new Float32Array(pixels.length);
  for (let n = 0; n < size; n++) {
    for (let channel = 0; channel < 3; channel++) out[(2 - channel) * size + n] = pixels[3 * n + channel];
  }
  return out;
}

/** The best face near the middle of the window, or undefined. */
function inTheMiddle(found) {
  const away = ({ box }) => Math.hypot((box[0] + box[2] - WINDOW) / 2, (box[1] + box[3] - WINDOW) / 2);
  return found.filter((face) => away(face) <= FARTHEST).sort((a, b) => b.score - a.score)[0];
}

// A frame -> the face in it, its embedding and its score, or what is wrong; and what the page says about it.

import { isScored } from '../../node/core/verifier.js';
import { SQUEEZED } from './words.js';

const RIVAL = 0.4; // a second face of that part of the first one's area means two people
const MOST_OFF = 0.42; // how far from the middle, of the frame's shorter side: beyond it the page's circle cuts the face
const MOST_STRETCH = [-0.25, 0.16]; // median over the views of an enrollment: deploy/FORMAT.md, section 10
const DOUBTFUL_STRETCH = [-0.16, 0.13]; // outside them a warning, and none is enrolled where the embeddings show one of these, too
const SQUEEZED_CONDITIONS = ['narrowed to 0.67', 'widened to 1.33'];
const FRAME = { policy: 'largest', turn: false }; // browsers turn a phone's camera upright

const ADVICE = {
  no_face: 'Move your face into the circle.',
  many_faces: 'One person at a time, please.',
  low_quality: 'More light, and your whole face in the picture, please.',
  rotated: 'Hold your head upright.',
  distorted: SQUEEZED,
  off: 'Move to the middle.',
  far: 'Come a little closer.',
  dark: 'It is too dark: turn towards a light.',
  bright: 'It is too bright: turn away from the light.',
  blurred: 'Hold still for a moment.',
  turned: 'Turn back to the camera.',
};

/**
 * @typedef {object} Sight  the result for one frame
 * @property {string | null} reason why there is no score
 * @property {string | null} fault what makes it a poor view to enroll with, or to go on with
 * @property {number | null} stretch
 * @property {Float32Array} [embedding] @property {number} [probability]
 */

/** @param {(picture: object, options: object) => Promise<import('../../node/core/faces.js').Found>} find @returns {Promise<Sight>} */
export async function look(find, verifier, picture) {
  const { crop, reason, face, faces, stretch, fault } = await find(picture, FRAME);
  if (hasRival(faces)) return { reason: 'many_faces', fault: null, stretch };
  if (!crop) return { reason, fault: null, stretch };
  const { embedding, probability, quality } = await verifier.infer(crop);
  if (!isScored({ probability, quality })) return { reason: 'low_quality', fault: null, stretch };
  return { reason: null, fault: isOff(face.box, picture) ? 'off' : fault, stretch, embedding, probability };
}

/** Whether a second face is so large that the one to verify is ambiguous. @param {{box: number[]}[]} faces largest first */
export function hasRival(faces) {
  return faces.length > 1 && area(faces[1].box) >= RIVAL * area(faces[0].box);
}

const area = ([x0, y0, x1, y1]) => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);

function isOff([x0, y0, x1, y1], { width, height }) {
  const off = Math.max(Math.abs((x0 + x1 - width) / 2), Math.abs((y0 + y1 - height) / 2));
  return off > MOST_OFF * Math.min(width, height);
}

/** What the person before the camera can do better, or null where the view is good; only enrolling asks for more than a score. */
export function advice({ reason, fault }, enrolling) {
  return ADVICE[reason] ?? (enrolling || fault === 'off' ? ADVICE[fault] : null) ?? null;
}

/**
 * Whether the views of an enrollment are of a squeezed picture.
 * @param {number[]} stretches
 * @param {string} condition that their embeddings show, '' where that is none
 */
export function isSqueezed(stretches, condition = '') {
  return isOutside(MOST_STRETCH, stretches) || (isDoubtful(stretches) && SQUEEZED_CONDITIONS.some((name) => condition.includes(name)));
}

/** Whether the views' proportions are unusual enough for a warning. @param {number[]} stretches */
export const isDoubtful = (stretches) => isOutside(DOUBTFUL_STRETCH, stretches);

function isOutside([least, most], stretches) {
  const sorted = [...stretches].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return !(median >= least && median <= most);
}

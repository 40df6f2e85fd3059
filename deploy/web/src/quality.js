// Quality checks of a frame, and the advice that the page shows where one fails.

import { FRAME_WIDTH } from './geometry.js';
import { boxArea } from './faces.js';

export const LEAST_CONTRAST = 8; // grey levels, as facedge/faces/quality.py
const DARK = 45; // mean grey level
const LEAST_FACE = 0.11; // width of the face, of the frame's longer side
const MOST_OFF = 0.42; // how far from the middle, of the frame's shorter side: beyond it the page's circle cuts the face
const RIVAL = 0.4; // a second face of that part of the first one's area means two people

/** Mean and standard deviation in grey levels (BT.601) of the part of the crop that the network reads. */
export function light(crop, cropBox) {
  const [x0, y0, x1, y1] = cropBox.map((corner) => Math.round(corner / 256));
  let [sum, squares, count] = [0, 0, 0];
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++, count++) {
      const at = 3 * (y * FRAME_WIDTH + x);
      const grey = (19595 * crop[at] + 38470 * crop[at + 1] + 7471 * crop[at + 2]) / 65536;
      sum += grey;
      squares += grey * grey;
    }
  }
  const mean = sum / count;
  return { mean, contrast: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}

/** Whether a second face is so large that the one to verify is ambiguous. @param {{box: number[]}[]} faces */
export function hasRival(faces) {
  return faces.length > 1 && boxArea(faces[1].box) >= RIVAL * boxArea(faces[0].box);
}

/** What the person before the camera can do better, or null where the view is good. */
export function advice(sight) {
  if (sight.reason === 'no_face') return 'Move your face into the circle.';
  if (sight.reason === 'many_faces') return 'One person at a time, please.';
  if (sight.reason === 'low_quality' || sight.light.mean < DARK) return 'It is too dark: turn towards a light.';
  const [x0, y0, x1, y1] = sight.face.box;
  if ((x1 - x0) / Math.max(sight.width, sight.height) < LEAST_FACE) return 'Come a little closer.';
  const off = Math.max(Math.abs((x0 + x1 - sight.width) / 2), Math.abs((y0 + y1 - sight.height) / 2));
  return off > MOST_OFF * Math.min(sight.width, sight.height) ? 'Move to the middle.' : null;
}

// From YuNet's twelve output tensors to faces: facedge/faces/boxes.py in plain JavaScript.

const STRIDES = [8, 16, 32];
const MOST_OVERLAP = 0.3; // IoU above which two boxes are one face

/**
 * A face in pixels of the frame, (0, 0) at the corner of the first pixel.
 * @typedef {{box: number[], landmarks: number[][], score: number}} Face
 */

/**
 * @param {Record<string, Float32Array>} outputs cls_8 ... kps_32, cells row by row
 * @param {number} width of the network's input in pixels
 * @returns {Face[]} every cell's, overlapping ones too
 */
export function decode(outputs, width, leastScore) {
  return STRIDES.flatMap((stride) => decodeGrid(outputs, stride, width / stride, leastScore));
}

/** A cell's box centre and landmarks are offsets from the cell's corner; sizes are logarithms of cells. */
function decodeGrid(outputs, stride, columns, leastScore) {
  const [classes, objects] = [outputs[`cls_${stride}`], outputs[`obj_${stride}`]];
  const [boxes, points] = [outputs[`bbox_${stride}`], outputs[`kps_${stride}`]];
  const faces = [];
  for (let cell = 0; cell < classes.length; cell++) {
    const score = Math.sqrt(unit(classes[cell]) * unit(objects[cell]));
    if (!(score >= leastScore)) continue;
    const [column, row] = [cell % columns, Math.floor(cell / columns)];
    const x = (column + boxes[4 * cell]) * stride;
    const y = (row + boxes[4 * cell + 1]) * stride;
    const halfWidth = (Math.exp(boxes[4 * cell + 2]) * stride) / 2;
    const halfHeight = (Math.exp(boxes[4 * cell + 3]) * stride) / 2;
    const landmarks = [0, 2, 4, 6, 8].map((n) => [
      (points[10 * cell + n] + column) * stride,
      (points[10 * cell + n + 1] + row) * stride,
    ]);
    faces.push({ box: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight], landmarks, score });
  }
  return faces;
}

/** Non-maximum suppression, by falling score: drop each box that overlaps one with a higher score. */
export function suppress(faces) {
  const kept = [];
  for (const face of [...faces].sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => overlap(better.box, face.box) <= MOST_OVERLAP)) kept.push(face);
  }
  return kept;
}

/** The mean landmarks, by score, of all candidates that overlap the chosen one: they move less than its own. */
export function consensus(candidates, chosen, least) {
  const same = candidates.filter((face) => overlap(chosen.box, face.box) > least);
  const weight = same.reduce((sum, face) => sum + face.score, 0);
  const mean = (n, axis) => same.reduce((sum, face) => sum + face.score * face.landmarks[n][axis], 0) / weight;
  return chosen.landmarks.map((_, n) => [mean(n, 0), mean(n, 1)]);
}

function overlap(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const common = width * height;
  return common / Math.max(boxArea(a) + boxArea(b) - common, 1e-30);
}

export const boxArea = (box) => Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);

/** The same face with x and y multiplied: from the input's pixels to the frame's, in single precision as facedge. */
export function scaled(face, byX, byY) {
  const point = ([x, y]) => [Math.fround(x * byX), Math.fround(y * byY)];
  const [x0, y0, x1, y1] = face.box;
  return { ...face, box: [...point([x0, y0]), ...point([x1, y1])], landmarks: face.landmarks.map(point) };
}

const unit = (value) => Math.min(Math.max(value, 0), 1);

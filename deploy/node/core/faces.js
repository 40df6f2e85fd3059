// A photo -> the aligned crop of its face, or the reason why there is none: the C core (ext/faces.h) as WebAssembly,
// around a detector network that the host runs.

export const CROP = { height: 218, width: 178 };
export const REASONS = [null, 'no_face', 'many_faces', 'low_quality', 'rotated', 'distorted'];
const FAULTS = [null, 'far', 'bright', 'dark', 'blurred', 'turned'];
const POLICIES = { largest: 0, center: 1, only: 2 };
const RUN = 0;
const DONE = 1;
const MOST_SIDE = 16384;

/**
 * Pixels, row by row without gaps, the first three channels red, green, blue.
 * @typedef {{data: Uint8Array | Uint8ClampedArray, height: number, width: number}} Picture
 *
 * A face in pixels of the photo, (0, 0) at the corner of the first one.
 * @typedef {{box: number[], landmarks: number[][], score: number}} Face
 *
 * @typedef {object} Found
 * @property {null | 'no_face' | 'many_faces' | 'low_quality' | 'rotated' | 'distorted'} reason
 * @property {{data: Uint8Array, height: number, width: number} | null} crop null with a reason
 * @property {Face | null} face the one that is meant, its landmarks refined
 * @property {Face[]} faces largest first
 * @property {number} turned degrees clockwise by which the photo was turned to find the face
 * @property {number | null} stretch logarithm of the factor by which the picture seems widened
 * @property {null | 'far' | 'bright' | 'dark' | 'blurred' | 'turned'} fault why the face should not be enrolled
 * @property {{sharpness: number, brightness: number, contrast: number} | null} measures of the face in the crop
 */

/**
 * @param {BufferSource} wasm the bytes of facedge.wasm
 * @param {(planes: Float32Array, height: number, width: number) => Promise<Float32Array[]>} detector
 * @returns {Promise<(picture: Picture, options?: {policy?: string, minFace?: number, turn?: boolean}) => Promise<Found>>}
 *   calls may overlap; they are worked on in turn
 */
export async function openFinder(wasm, detector) {
  const { instance } = await WebAssembly.instantiate(wasm, {});
  const core = instance.exports;
  core._initialize();
  let last = Promise.resolve();
  return (picture, options = {}) => {
    const found = last.then(() => find(core, detector, picture, options));
    last = found.catch(() => {});
    return found;
  };
}

async function find(core, detector, picture, { policy = 'largest', minFace = 0.075, turn = true }) {
  begin(core, picture, policy, minFace, turn);
  for (;;) {
    const progress = core.next();
    if (progress === DONE) return result(core);
    if (progress !== RUN) throw new Error('the photo needs more memory than there is: make it smaller');
    const [height, width] = [core.run_height(), core.run_width()];
    const outputs = await detector(floats(core, core.planes(), 3 * height * width).slice(), height, width);
    outputs.forEach((values, k) => {
      if (values.length !== core.output_floats(k)) throw new Error('the detector gave outputs of another size');
      floats(core, core.output(k), values.length).set(values);
    });
  }
}

function begin(core, { data, height, width }, policy, minFace, turn) {
  const channels = data.length / (height * width);
  const allowed = [height, width].every((side) => Number.isInteger(side) && side >= 1 && side <= MOST_SIDE);
  if (!allowed || (channels !== 3 && channels !== 4))
    throw new TypeError(`a photo is {data, height, width}: RGB or RGBA bytes, sides up to ${MOST_SIDE}`);
  if (!Object.hasOwn(POLICIES, policy)) throw new TypeError(`policy: expected one of ${Object.keys(POLICIES).join(', ')}`);
  const at = core.photo(data.length);
  if (!at) throw new Error('the photo needs more memory than there is: make it smaller');
  new Uint8Array(core.memory.buffer, at, data.length).set(data);
  if (core.begin(height, width, channels, POLICIES[policy], minFace, turn ? 1 : 0))
    throw new TypeError('minFace: expected a share of the longer side, or pixels');
}

// Views are made anew each time: memory that grows leaves old ones empty.
const floats = (core, at, count) => new Float32Array(core.memory.buffer, at, count);
const doubles = (core, at, count) => Array.from(new Float64Array(core.memory.buffer, at, count));

function result(core) {
  const [reason, count, turned, stretch, sharpness, brightness, contrast, fault] = doubles(core, core.found(), 8);
  const [chosen, crop] = [core.chosen(), core.crop()];
  const size = CROP.height * CROP.width * 3;
  return {
    reason: REASONS[reason],
    crop: crop ? { data: new Uint8Array(core.memory.buffer, crop, size).slice(), ...CROP } : null,
    face: chosen ? faceAt(core, chosen) : null,
    faces: Array.from({ length: count }, (_, n) => faceAt(core, core.other(n))),
    turned,
    stretch: Number.isNaN(stretch) ? null : stretch,
    fault: crop ? FAULTS[fault] : null,
    measures: crop ? { sharpness, brightness, contrast } : null,
  };
}

function faceAt(core, at) {
  const numbers = doubles(core, at, 15);
  return {
    box: numbers.slice(0, 4),
    landmarks: [4, 6, 8, 10, 12].map((n) => numbers.slice(n, n + 2)),
    score: numbers[14],
  };
}

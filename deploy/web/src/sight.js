// A frame -> the face in it and its embedding: detect, refine, align, infer.

import { align } from './align.js';
import { FRAME_HEIGHT, FRAME_WIDTH } from './geometry.js';
import { makeDetector } from './detector.js';
import { refine } from './refine.js';
import { hasRival, LEAST_CONTRAST, light } from './quality.js';
import { looksLikeFace } from './similarity.js';

/**
 * @typedef {object} Sight  what one frame showed
 * @property {number} width @property {number} height of the frame
 * @property {import('./faces.js').Face | null} face the one that is meant
 * @property {null | 'no_face' | 'many_faces' | 'low_quality'} reason why there is no embedding
 * @property {{mean: number, contrast: number}} [light]
 * @property {Float32Array} [embedding] @property {number} [probability]
 * @property {{detect: number, align: number, infer: number}} ms
 */

/** verifier.onnx as a function: aligned crop 218 x 178 x 3 -> its outputs. */
export async function makeVerifier(ort, model) {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  return async function infer(crop) {
    const image = new ort.Tensor('uint8', crop, [1, FRAME_HEIGHT, FRAME_WIDTH, 3]);
    const { embedding, attributes, probability } = await session.run({ image });
    return { embedding: embedding.data, attributes: attributes.data, probability: probability.data[0] };
  };
}

/** @returns a function from a Picture to its Sight; the first look is the slowest */
export async function makeSight(ort, detectorModel, bundle) {
  const { candidates, detect } = makeDetector(ort, detectorModel);
  const infer = await makeVerifier(ort, bundle.verifier);
  const { crop: cropBox } = bundle.manifest.spec;

  /** @returns {Promise<Sight>} */
  return async function look(picture) {
    const clock = stopwatch();
    const faces = await detect(picture);
    const seen = { width: picture.width, height: picture.height, face: faces[0] ?? null, ms: { detect: clock() } };
    if (!seen.face || !looksLikeFace(seen.face.landmarks, seen.height, seen.width)) {
      return { ...seen, face: null, reason: 'no_face' };
    }
    if (hasRival(faces)) return { ...seen, reason: 'many_faces' };
    const landmarks = await refine(picture, seen.face.landmarks, candidates);
    seen.ms.detect += clock();
    if (!looksLikeFace(landmarks, seen.height, seen.width)) return { ...seen, reason: 'low_quality' };
    seen.face = { ...seen.face, landmarks };
    const crop = align(picture, landmarks);
    seen.light = light(crop, cropBox);
    seen.ms.align = clock();
    if (!(seen.light.contrast >= LEAST_CONTRAST)) return { ...seen, reason: 'low_quality' };
    const { embedding, probability } = await infer(crop);
    seen.ms.infer = clock();
    const sound = embedding.every(Number.isFinite) && probability >= 0 && probability <= 1;
    return sound ? { ...seen, reason: null, embedding, probability } : { ...seen, reason: 'low_quality' };
  };
}

/** Milliseconds since the last call. */
function stopwatch() {
  let last = performance.now();
  return () => -last + (last = performance.now());
}

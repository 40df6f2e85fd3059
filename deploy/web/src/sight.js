// A frame -> the face in it and its embedding: detect, refine, align, infer.

import { align } from './align.js';
import { FRAME_HEIGHT, FRAME_WIDTH } from './geometry.js';
import { makeDetector } from './detector.js';
import { refine } from './refine.js';
import { hasRival, LEAST_CONTRAST, light } from './quality.js';
import { isPlausibleFace } from './similarity.js';

/**
 * @typedef {object} Sight  the result for one frame
 * @property {number} width @property {number} height of the frame
 * @property {import('./faces.js').Face | null} face the one to verify
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

/** @returns a function from a Picture to its Sight; the first call is the slowest */
export async function makeFrameEmbedder(ort, detectorModel, bundle) {
  const { candidates, detect } = makeDetector(ort, detectorModel);
  const infer = await makeVerifier(ort, bundle.verifier);
  const { crop: cropBox } = bundle.manifest.spec;

  /** @returns {Promise<Sight>} */
  return async function embedFrame(picture) {
    const clock = stopwatch();
    const faces = await detect(picture);
    const result = { width: picture.width, height: picture.height, face: faces[0] ?? null, ms: { detect: clock() } };
    if (!result.face || !isPlausibleFace(result.face.landmarks, result.height, result.width)) {
      return { ...result, face: null, reason: 'no_face' };
    }
    if (hasRival(faces)) return { ...result, reason: 'many_faces' };
    const landmarks = await refine(picture, result.face.landmarks, candidates);
    result.ms.detect += clock();
    if (!isPlausibleFace(landmarks, result.height, result.width)) return { ...result, reason: 'low_quality' };
    result.face = { ...result.face, landmarks };
    const crop = align(picture, landmarks);
    result.light = light(crop, cropBox);
    result.ms.align = clock();
    if (!(result.light.contrast >= LEAST_CONTRAST)) return { ...result, reason: 'low_quality' };
    const { embedding, probability } = await infer(crop);
    result.ms.infer = clock();
    const valid = embedding.every(Number.isFinite) && probability >= 0 && probability <= 1;
    return valid ? { ...result, reason: null, embedding, probability } : { ...result, reason: 'low_quality' };
  };
}

/** Milliseconds since the last call. */
function stopwatch() {
  let last = performance.now();
  return () => -last + (last = performance.now());
}

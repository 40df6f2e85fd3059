// YuNet on onnxruntime-web: every face in a frame. facedge/faces/yunet.py in plain JavaScript.

import { boxArea, decode, scaled, suppress } from './faces.js';
import { fit, inputPlanes } from './letterbox.js';
import { edited } from './protobuf.js';

export const SHA256 = '8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4';
export const LONGER_SIDE = 320; // a face of 7.5 % of the frame shows in 24 pixels
const LEAST_SCORE = 0.6;

// The file's input is 1 x 3 x 640 x 640. In protobuf each 640 is the varint 80 05; the pinned digest fixes the places.
const HEIGHT_AT = 229273;
const WIDTH_AT = 229278;

/** The model with an input of height x width: multiples of 32 from 128 to 4096. */
export function withInputSize(model, height, width) {
  const patched = model.slice();
  for (const [at, side] of [[HEIGHT_AT, height], [WIDTH_AT, width]]) {
    if (patched[at] !== 0x80 || patched[at + 1] !== 0x05) throw new Error('the detector is not the file it should be');
    patched[at] = (side & 0x7f) | 0x80;
    patched[at + 1] = side >> 7;
  }
  return withoutDeclaredShapes(patched);
}

/** The file declares every shape for 640x640. Other engines warn about shapes that differ, onnxruntime-web refuses them. */
function withoutDeclaredShapes(model) {
  const drop = () => null;
  // ModelProto.graph 7; GraphProto.output 12, value_info 13; ValueInfoProto.type 2, tensor_type 1, shape 2
  const tensor = (type) => edited(type, { 2: drop });
  const output = (value) => edited(value, { 2: (type) => edited(type, { 1: tensor }) });
  return edited(model, { 7: (graph) => edited(graph, { 12: output, 13: drop }) });
}

/** A detector over the bytes of YuNet's file; `ort` is onnxruntime-web. One session a frame size, made when needed. */
export function makeDetector(ort, model) {
  const sessions = new Map();

  function session(height, width) {
    const key = `${height}x${width}`;
    if (!sessions.has(key)) {
      sessions.set(key, ort.InferenceSession.create(withInputSize(model, height, width)));
    }
    return sessions.get(key);
  }

  /** Every cell's face in planes of height x width, in their pixels. */
  async function candidates(planes, height, width, leastScore) {
    const input = new ort.Tensor('float32', planes, [1, 3, height, width]);
    const results = await (await session(height, width)).run({ input });
    const outputs = Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data]));
    return decode(outputs, width, leastScore);
  }

  /** @returns {Promise<import('./faces.js').Face[]>} largest first */
  async function detect(picture) {
    const box = fit(picture.height, picture.width, LONGER_SIDE);
    const found = await candidates(inputPlanes(picture, box), box.inputHeight, box.inputWidth, LEAST_SCORE);
    return suppress(found)
      .map((face) => scaled(face, picture.width / box.width, picture.height / box.height))
      .sort((a, b) => boxArea(b.box) - boxArea(a.box) || b.score - a.score);
  }

  return { candidates, detect };
}

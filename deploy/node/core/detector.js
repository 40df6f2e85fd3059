// YuNet on onnxruntime: the network between the core's planes and its outputs. facedge/faces/yunet.py is the same in Python.
import { BundleError } from './errors.js';
import { edited } from './protobuf.js';
import { sha256 } from './seal.js';

const SHA256 = '8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4';

// The file's input is 1 x 3 x 640 x 640. In protobuf each 640 is the tag 08 and the varint 80 05; three bytes are a free axis,
// too: the tag 12, a length and one letter. The pinned digest fixes the places.
const FREE_AXES = [[229272, 'H'], [229277, 'W']];
const OUTPUTS = ['cls', 'obj', 'bbox', 'kps'].flatMap((kind) => [8, 16, 32].map((stride) => `${kind}_${stride}`));

/** The model with an input of any height and width: multiples of 32 from 128 to 4096. */
function ofAnySize(model) {
  const patched = model.slice();
  for (const [at, name] of FREE_AXES) patched.set([0x12, 1, name.charCodeAt(0)], at);
  return withoutDeclaredShapes(patched);
}

/** The file declares every shape for 640x640. Some engines warn about shapes that differ, onnxruntime-web refuses them. */
function withoutDeclaredShapes(model) {
  const drop = () => null;
  // ModelProto.graph 7; GraphProto.output 12, value_info 13; ValueInfoProto.type 2, tensor_type 1, shape 2
  const tensor = (type) => edited(type, { 2: drop });
  const output = (value) => edited(value, { 2: (type) => edited(type, { 1: tensor }) });
  return edited(model, { 7: (graph) => edited(graph, { 12: output, 13: drop }) });
}

/**
 * @param {any} ort onnxruntime-web or onnxruntime-node
 * @param {Uint8Array} model the bytes of YuNet's file
 * @returns {Promise<(planes: Float32Array, height: number, width: number) => Promise<Float32Array[]>>} the network; its
 *   twelve outputs in the order of ext/faces.h
 */
export async function openDetector(ort, model, options = {}) {
  if ((await sha256(model)) !== SHA256)
    throw new BundleError('the face detector is not face_detection_yunet_2023mar.onnx: get that file, its sha256 is in FORMAT.md');
  const session = await ort.InferenceSession.create(ofAnySize(model), options);
  return async (planes, height, width) => {
    const results = await session.run({ input: new ort.Tensor('float32', planes, [1, 3, height, width]) });
    return OUTPUTS.map((name) => results[name].data);
  };
}

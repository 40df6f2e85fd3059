import assert from 'node:assert/strict';
import test from 'node:test';

import { consensus, decode, scaled, suppress } from '../src/faces.js';
import { withInputSize } from '../src/detector.js';
import { edited } from '../src/protobuf.js';
import { advice, hasRival, light } from '../src/quality.js';

/** Outputs of a 128x128 input in which nothing was found. */
function silence() {
  const outputs = {};
  for (const stride of [8, 16, 32]) {
    const cells = (128 / stride) ** 2;
    for (const [name, size] of [['cls', 1], ['obj', 1], ['bbox', 4], ['kps', 10]]) {
      outputs[`${name}_${stride}`] = new Float32Array(cells * size);
    }
  }
  return outputs;
}

function put(outputs, stride, cell, score, box = [0, 0, 0, 0]) {
  outputs[`cls_${stride}`][cell] = score;
  outputs[`obj_${stride}`][cell] = score;
  outputs[`bbox_${stride}`].set(box, 4 * cell);
  outputs[`kps_${stride}`].set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10 * cell);
}

test('a cell says where its face lies', () => {
  const outputs = silence();
  put(outputs, 16, 8 * 3 + 2, 0.81, [0.5, 0.25, Math.log(2), Math.log(4)]); // row 3, column 2
  const [face] = decode(outputs, 128, 0.6);
  assert.ok(Math.abs(face.score - 0.81) < 1e-6);
  [40 - 16, 52 - 32, 40 + 16, 52 + 32].forEach((corner, n) => assert.ok(Math.abs(face.box[n] - corner) < 1e-4));
  assert.deepEqual(face.landmarks, [[32, 64], [64, 96], [96, 128], [128, 160], [160, 192]]);
  assert.deepEqual(scaled(face, 2, 0.5).landmarks[0], [64, 32]);
});

test('nothing found is no face, and so are scores that are no numbers', () => {
  const outputs = silence();
  assert.deepEqual(decode(outputs, 128, 0.6), []);
  put(outputs, 8, 0, Number.NaN);
  assert.deepEqual(decode(outputs, 128, 0.6), []);
});

test('of overlapping boxes the best stays, others apart stay too', () => {
  const outputs = silence();
  put(outputs, 32, 0, 0.7);
  put(outputs, 32, 1, 0.9, [-0.9, 0, 0, 0]); // almost on the first
  put(outputs, 32, 15, 0.65);
  assert.deepEqual(suppress(decode(outputs, 128, 0.6)).map((face) => Math.round(100 * face.score)), [90, 65]);
});

test('protobuf fields are changed, dropped and kept byte for byte', () => {
  const message = Uint8Array.from([0x08, 0x96, 0x01, 0x12, 2, 65, 66, 0x1d, 1, 2, 3, 4, 0x1a, 1, 67]);
  assert.deepEqual(edited(message, {}), message);
  assert.deepEqual([...edited(message, { 2: () => null })], [0x08, 0x96, 0x01, 0x1d, 1, 2, 3, 4, 0x1a, 1, 67]);
  const longer = edited(message, { 3: () => new Uint8Array(200).fill(7) });
  assert.deepEqual([...longer.subarray(12, 16)], [0x1a, 0xc8, 0x01, 7]);
  for (let length = 1; length < message.length; length++) {
    if ([3, 7, 12].includes(length)) continue; // whole fields: a shorter message, but a message
    assert.throws(() => edited(message.subarray(0, length), {}), /ends too early/);
  }
});

test('another file than the pinned detector is refused', () => {
  assert.throws(() => withInputSize(new Uint8Array(232589), 192, 320), /not the file/);
});

const sight = (changes = {}) => ({
  width: 640, height: 480, reason: null, face: { box: [260, 180, 380, 320] }, light: { mean: 120, contrast: 40 }, ...changes,
});

test('the person is told what to do better', () => {
  assert.equal(advice(sight()), null);
  assert.match(advice(sight({ reason: 'no_face', face: null })), /into the circle/);
  assert.match(advice(sight({ reason: 'many_faces' })), /One person/);
  assert.match(advice(sight({ reason: 'low_quality' })), /light/);
  assert.match(advice(sight({ light: { mean: 20, contrast: 15 } })), /light/);
  assert.match(advice(sight({ face: { box: [300, 220, 340, 260] } })), /closer/);
  assert.match(advice(sight({ face: { box: [0, 180, 120, 320] } })), /middle/);
});

test('a second face counts when nobody can say which one is meant', () => {
  const [large, small, equal] = [[0, 0, 100, 100], [200, 0, 230, 30], [200, 0, 290, 90]].map((box) => ({ box }));
  assert.ok(!hasRival([large]) && !hasRival([large, small]) && hasRival([large, equal]));
});

test('light is measured in the crop box of the network', () => {
  const crop = new Uint8Array(218 * 178 * 3).fill(255);
  for (let y = 60; y < 188; y++) crop.fill(y % 2 ? 110 : 90, 3 * (178 * y + 24), 3 * (178 * y + 152));
  const { mean, contrast } = light(crop, [24, 60, 152, 188].map((corner) => 256 * corner));
  assert.ok(Math.abs(mean - 100) < 1e-6 && Math.abs(contrast - 10) < 1e-6);
});

test('refinement takes the mean of all cells that detect the same face, weighted by their scores', () => {
  const at = (x, score) => ({ box: [x, 0, x + 10, 10], landmarks: [[x, 5]], score });
  const chosen = at(0, 0.9);
  assert.deepEqual(consensus([chosen, at(1, 0.3), at(8, 0.8)], chosen, 0.5), [[0.3 / 1.2, 5]]);
});

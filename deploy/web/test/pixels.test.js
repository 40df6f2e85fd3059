// The page's pixels are facedge's pixels: hashes printed by the Python package for the same drawn pictures.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';

import { align } from '../src/align.js';
import { fit, inputPlanes } from '../src/letterbox.js';
import { fitSimilarity, isPlausibleFace, sampleCount, samplingFor } from '../src/similarity.js';
import { TARGET } from '../src/geometry.js';
import { taps } from '../src/weights.js';
import { draw } from './support.js';

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

const FACES = [
  {
    landmarks: [[200, 100], [240, 104], [220, 125], [203, 140], [236, 143]],
    sampling: { samples: 2, x0: 592679149505, y0: -69413965967, dx: 2178830719, dy: 99213953 },
    crop: 'e34f6c22a874107222683f8a6db45a0c3888b5f81dafd005ac05c63e646cf4ef',
  },
  {
    landmarks: [[100, 60], [300, 90], [190, 160], [90, 220], [260, 240]],
    sampling: { samples: 4, x0: -520563291598, y0: -2194104842449, dx: 4929755543, dy: 709720129 },
    crop: '84dcf23edb480e3ba5161d7754cd2234a260af2d540cf0e6d5f4fc2c61b5ed13',
  },
  {
    landmarks: [[3, 20], [22, 15], [15, 25], [8, 38], [24, 35]],
    sampling: { samples: 1, x0: -179506049340, y0: -127304069442, dx: 2103847305, dy: -443388153 },
    crop: 'a46e42275b5f82166b6da8d87e8d455750550f84f904f63a9ae32db38dfb603d',
  },
];

for (const [n, { landmarks, sampling, crop }] of FACES.entries()) {
  test(`face ${n} is sampled where facedge samples it`, () => {
    const found = samplingFor(fitSimilarity(landmarks, TARGET));
    assert.equal(found.samples, sampling.samples);
    for (const key of ['x0', 'y0', 'dx', 'dy']) {
      // The fit runs in double: its last bits, 1/2^32 pixel each, may differ; the crop below must not.
      assert.ok(Math.abs(found[key] - sampling[key]) <= 8, `${key}: ${found[key]} and ${sampling[key]}`);
    }
  });

  test(`face ${n} becomes the crop that facedge makes, bit for bit`, () => {
    assert.equal(digest(align(draw(270, 480), landmarks)), crop);
    assert.equal(digest(align(draw(270, 480, 4), landmarks)), crop, 'from RGBA as well');
  });
}

for (const [height, width, expected, hash] of [
  [270, 480, [180, 320, 192, 320], 'bd81d2bbfb187d364c68e05257a5b1d74de88b725f73a9ab1a656f468916c3d9'],
  [50, 61, [100, 122, 128, 128], 'b645468472a8b6570c68c447db5e885d5578104c6c07185c54d7ffba781160be'],
]) {
  test(`a ${width}x${height} frame becomes the detector's input bit for bit`, () => {
    const box = fit(height, width, 320);
    assert.deepEqual([box.height, box.width, box.inputHeight, box.inputWidth], expected);
    assert.equal(digest(Uint8Array.from(inputPlanes(draw(height, width), box))), hash);
    assert.equal(digest(Uint8Array.from(inputPlanes(draw(height, width, 4), box))), hash);
  });
}

test('the weights of every output sum to one and lie inside the picture', () => {
  for (const [pixels, outputs] of [[1, 1], [1, 7], [7, 1], [480, 320], [4096, 128], [61, 122], [64, 64]]) {
    for (const { first, weights } of taps(pixels, outputs)) {
      assert.equal(weights.reduce((sum, weight) => sum + weight, 0), 4096);
      assert.ok(first >= 0 && first + weights.length <= pixels && weights.every((weight) => weight >= 0));
    }
  }
});

test('a turned, scaled and shifted face is brought home', () => {
  const [a, b] = [1.7 * Math.cos(0.4), 1.7 * Math.sin(0.4)];
  const moved = TARGET.map(([x, y]) => [a * x - b * y + 31, b * x + a * y - 12]);
  const { m, t } = fitSimilarity(moved, TARGET);
  moved.forEach(([x, y], n) => {
    assert.ok(Math.abs(m[0] * x - m[1] * y + t[0] - TARGET[n][0]) < 1e-9);
    assert.ok(Math.abs(m[1] * x + m[0] * y + t[1] - TARGET[n][1]) < 1e-9);
  });
});

test('landmarks that are no face are not aligned', () => {
  assert.ok(isPlausibleFace(TARGET, 218, 178));
  assert.ok(!isPlausibleFace(TARGET.map(([x, y]) => [x + 500, y]), 218, 178), 'outside');
  assert.ok(!isPlausibleFace(TARGET.map(() => [90, 90]), 218, 178), 'collapsed');
  assert.ok(!isPlausibleFace(TARGET.map(([x, y]) => [x, Number.NaN * y]), 218, 178), 'no numbers');
  assert.ok(!isPlausibleFace(TARGET.map(([x, y]) => [178 - x, y]), 218, 178), 'eyes and mouth corners swapped');
});

test('larger faces take more samples, up to a limit', () => {
  assert.deepEqual([0.5, 1, 1.01, 2, 2.1, 4, 1000].map(sampleCount), [1, 1, 2, 2, 3, 3, 31]);
});

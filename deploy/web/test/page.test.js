import assert from 'node:assert/strict';
import test from 'node:test';

import { inflateSync, zipSync } from 'fflate';
import { sourceOf } from '../src/archive.js';
import { decide, FRAMES } from '../src/attempt.js';
import { holdPeople } from '../src/people.js';
import { drawScale } from '../src/scale.js';
import { advice, hasRival, isDoubtful, isSqueezed } from '../src/sight.js';
import { evidenceWords, faultWords, scoreWords } from '../src/words.js';

test('the middle score decides, a score at the threshold is accepted', () => {
  assert.deepEqual(decide([1, 9, 5, 9, 1], 5), { accepted: true, score: 5 });
  assert.deepEqual(decide([9, 9, 1, 1, 1], 5), { accepted: false, score: 1 });
});

test('an attempt fails closed', () => {
  const good = new Array(FRAMES).fill(9);
  assert.equal(decide(good, 5).accepted, true);
  for (const bad of [Number.NaN, Infinity, undefined]) {
    assert.deepEqual(decide([bad, ...good.slice(1)], 5), { accepted: false, score: null });
  }
  assert.equal(decide(good.slice(1), 5).accepted, false, 'a frame is missing');
  for (const threshold of [Number.NaN, null, undefined]) assert.equal(decide(good, threshold).accepted, false);
});

test('enrolling asks for a good view, verifying for a score', () => {
  assert.equal(advice({ reason: null, fault: null }, true), null);
  assert.match(advice({ reason: null, fault: 'dark' }, true), /dark/);
  assert.equal(advice({ reason: null, fault: 'dark' }, false), null);
  assert.match(advice({ reason: null, fault: 'off' }, false), /middle/);
  for (const reason of ['no_face', 'many_faces', 'low_quality', 'rotated', 'distorted']) {
    for (const enrolling of [true, false]) assert.match(advice({ reason, fault: null }, enrolling), /\./);
  }
});

test('a second face counts when nobody can say which one is meant', () => {
  const [large, small, equal] = [[0, 0, 100, 100], [200, 0, 230, 30], [200, 0, 290, 90]].map((box) => ({ box }));
  assert.ok(!hasRival([large]) && !hasRival([large, small]) && hasRival([large, equal]));
});

test('the median of the views tells a squeezed picture', () => {
  assert.ok(!isSqueezed([0, 0.1, -0.1, 0.9]) && !isSqueezed([0.15, 0.17, 0, 0.15]));
  assert.ok(isSqueezed([0.2, 0.2, 0, 0.3]) && isSqueezed([-0.3, -0.3]) && isSqueezed([Number.NaN]));
});

test('a doubtful median is a squeezed picture where the embeddings say so too', () => {
  const narrowed = 'faces narrowed to 0.67 of their width';
  assert.ok(!isSqueezed([0.14, 0.14], 'dark glasses') && !isSqueezed([0.1, 0.1], narrowed));
  assert.ok(isSqueezed([0.14, 0.14], narrowed) && isSqueezed([-0.2, -0.2], 'faces widened to 1.33 of their width'));
  assert.ok(isDoubtful([0.14, 0.14]) && isDoubtful([-0.2]) && !isDoubtful([0.1, 0.12, 0.9]));
  assert.match(faultWords('squeezed'), /squeezed/);
});

test('the picture of a score stays inside, however far the score', () => {
  for (const score of [-1e9, 0, 0.5, 1, 1e9]) {
    const at = Number(/cx="([^"]+)"/.exec(drawScale({ score, threshold: 0.9 }))[1]);
    assert.ok(at >= 8 && at <= 392);
  }
});

test('evidence is said in words, and its absence too', () => {
  const calibration = { far_target: 0.001, far_upper95: 0.0018, identities: 100, comparisons: 201267 };
  assert.match(evidenceWords(calibration)[0], /1 in 1,000 .* 0.18 %/);
  assert.match(evidenceWords(calibration, { condition: 'dark glasses' }).join(' '), /dark glasses/);
  assert.match(evidenceWords(calibration, { nearOthers: true }).join(' '), /others may be accepted more often/);
  assert.doesNotMatch(evidenceWords(calibration, { condition: '', nearOthers: false }).join(' '), /Your views/);
  assert.match(evidenceWords(null)[0], /by hand/);
  assert.match(scoreWords({ score: 0.95, threshold: 0.93 }), /Score 0.95, accepted from 0.93: .* is as much like/);
  assert.match(scoreWords({ score: 0.5, threshold: 0.93 }), /differs/);
});

test('views of several people and views that differ ask for other things', () => {
  assert.match(faultWords('several_people'), /one person/);
  for (const fault of ['nothing_common', 'mostly_refused']) assert.match(faultWords(fault), /light/);
});

test('a bundle is one zip of one folder, or the files of a folder', async () => {
  const files = { 'ana.facedge/manifest.json': [1, 2], 'ana.facedge/head.onnx': new Uint8Array(999) };
  const packed = zipSync(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Uint8Array.from(bytes)])));
  const inflate = (data, size) => inflateSync(data, { out: new Uint8Array(size) });
  const zip = sourceOf({ 'ana.facedge.zip': packed }, inflate);
  assert.deepEqual(await zip.list(), ['manifest.json', 'head.onnx']);
  assert.deepEqual([...(await zip.read('manifest.json', 9))], [1, 2]);
  assert.equal((await zip.read('head.onnx', 999)).length, 999);
  await assert.rejects(zip.read('head.onnx', 998), /at most 998/);
  const one = { 'a/x': new Uint8Array(3), 'b/y': new Uint8Array(3) };
  assert.throws(() => sourceOf({ 'x.zip': zipSync(one) }, inflate), /one folder/);
  const source = sourceOf({ 'manifest.json': [1], 'head.onnx': [2] }, inflate);
  assert.deepEqual(await source.list(), ['manifest.json', 'head.onnx']);
  await assert.rejects(source.read('manifest.sha256', 9), /missing/);
  await assert.rejects(source.read('constructor', 9), /missing/);
  await assert.rejects(source.read('head.onnx', 0), /at most 0/);
});

test('an enrollment that was stopped is never held', async () => {
  const people = holdPeople();
  const served = await people.add(async () => 'served');
  let finish;
  const stopped = people.add(() => new Promise((resolve) => (finish = resolve)));
  people.keep(served);
  finish('stopped');
  await assert.rejects(stopped, /Stopped/);
  assert.equal(people.of(served), 'served');
  assert.throws(() => people.of(served + 1), /enroll again/);
});

test('whom the page does not keep is forgotten', async () => {
  const people = holdPeople();
  const numbers = [];
  for (const name of ['served', 'ana', 'ben']) numbers.push(await people.add(async () => name));
  people.keep(numbers[0], numbers[2]);
  assert.equal(people.of(numbers[2]), 'ben');
  assert.throws(() => people.of(numbers[1]), /enroll again/);
  assert.equal(await people.add(async () => null), null, 'nobody was enrolled');
});

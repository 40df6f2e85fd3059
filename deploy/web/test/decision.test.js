import assert from 'node:assert/strict';
import test from 'node:test';

import { decide, FRAMES } from '../src/attempt.js';
import { calibrate, enroll, histogram, impostorComparisons, isConsistent, score } from '../src/enrollment.js';
import { binomialUpper, lowestSupportedPoint, nextAbove, trialsNeeded } from '../src/far.js';
import { judgeOfBundle, judgeOfPage } from '../src/judges.js';
import { drawScale } from '../src/scale.js';
import { randomCohort } from './support.js';

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

test('numbers of rare events are those of facedge.metrics', () => {
  assert.equal(trialsNeeded(0.001), 2995);
  assert.ok(Math.abs(binomialUpper(5, 4950) - 0.0023556513931596145) < 1e-12);
});

test('a threshold turns away ties with the highest score it has to turn away', () => {
  for (const value of [0, 1, -1, 0.1, -1e-300, 123.456]) {
    const next = nextAbove(value);
    assert.ok(next > value && !((value + next) / 2 > value && (value + next) / 2 < next));
  }
  const scores = new Float64Array(4000).fill(1);
  const first = Int32Array.from(scores, (_, n) => n % 90);
  const second = Int32Array.from(scores, (_, n) => 90 + Math.floor(n / 90));
  const point = lowestSupportedPoint({ scores, first, second, people: 140 });
  assert.equal(scores.filter((value) => value >= point.threshold).length, 0);
  assert.ok(point.upper95 <= 3 / point.pairs);
});

test('no lower rate is claimed than the people support', () => {
  const few = calibrate(randomCohort(20, 3)); // 190 pairs: one in a thousand cannot be shown
  assert.ok(few.target >= 0.01, `claims ${few.target}`);
  const many = calibrate(randomCohort(90, 3)); // 4,005 pairs
  assert.equal(many.target, 0.001);
  assert.deepEqual([many.people, many.pairs, many.comparisons], [90, 4005, 90 * 89 * 3]);
  assert.ok(many.upper95 > many.target / 2 && many.upper95 < 0.01, `upper95 ${many.upper95}`);
  assert.throws(() => calibrate(randomCohort(5, 3)), /needs 8/);
});

test('the FAR holds for impostors outside the cohort', () => {
  const cohort = randomCohort(90, 3);
  const { threshold } = calibrate(cohort);
  const impostors = randomCohort(400, 2, { seed: 11 });
  let accepted = 0;
  for (let person = 0; person < 40; person++) {
    const enrollment = enroll(impostors.rows.slice(2 * person, 2 * person + 2), cohort);
    for (let n = 80; n < 800; n++) accepted += score(enrollment, impostors.rows[n]) >= threshold;
  }
  assert.ok(accepted / (40 * 720) < 0.004, `${accepted} of ${40 * 720}`);
});

test('a genuine probe is accepted, impostor scores have mean zero', () => {
  const cohort = randomCohort(60, 4);
  const me = randomCohort(1, 12, { seed: 77 }).rows;
  const { threshold } = calibrate(cohort);
  const enrollment = enroll(me.slice(0, 6), cohort);
  assert.ok(me.slice(6).every((view) => score(enrollment, view) >= threshold));
  const impostors = cohort.rows.map((row) => score(enrollment, row));
  assert.ok(Math.abs(impostors.reduce((sum, value) => sum + value) / impostors.length) < 1e-9);
  assert.ok(Number.isNaN(score(enrollment, new Float32Array(24).fill(Number.NaN))));
});

test('views of two people do not enroll', () => {
  const cohort = randomCohort(60, 4);
  const { threshold } = calibrate(cohort);
  const [me, other] = [randomCohort(1, 6, { seed: 77 }).rows, randomCohort(1, 6, { seed: 78 }).rows];
  assert.ok(isConsistent(me, cohort, threshold));
  assert.ok(!isConsistent([...me.slice(0, 3), ...other.slice(0, 3)], cohort, threshold));
  assert.ok(!isConsistent([...me.slice(0, 4), other[0], other[1]], cohort, threshold));
});

test('nobody is an impostor of themselves', () => {
  const { first, second } = impostorComparisons(randomCohort(10, 3));
  assert.ok(first.every((who, n) => who !== second[n]));
});

test('a histogram keeps every score, also far ones', () => {
  const shares = histogram([-100, 0, 0.1, 100]);
  assert.equal(shares.reduce((sum, share) => sum + share), 1);
  assert.deepEqual([shares[0], shares[16], shares.at(-1)], [0.25, 0.5, 0.25]);
});

test('the picture of a score stays inside, however far the score', () => {
  const judge = judgeOfPage({ enrollment: {}, point: { ...calibrate(randomCohort(30, 3)), threshold: 4 } });
  for (const value of [-1e9, 0, 4, 1e9]) {
    const at = Number(/cx="([^"]+)"/.exec(drawScale(judge.scale(value)))[1]);
    assert.ok(at >= 8 && at <= 392);
  }
});

test('a bundle that was made for a person decides by its own head and threshold', () => {
  const calibration = { far_target: 0.01, far_upper95: 0.02, identities: 1000, comparisons: 5000 };
  const judge = judgeOfBundle({ threshold: 0.7, calibration });
  assert.equal(judge.threshold, 0.7);
  assert.equal(judge.scoreOf({ probability: 0.9 }), 0.9);
  assert.match(judge.evidence[0], /1 in 100 .* 2 %/);
  assert.match(judgeOfBundle({ threshold: 0.7, calibration: null }).evidence[0], /by hand/);
});

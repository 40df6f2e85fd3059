// The states of the page: welcome, enroll, verify, decision. Each function shows one state and calls the next.

import { decide, FRAMES } from './attempt.js';
import { closeCamera, grab, isLive, openCamera } from './camera.js';
import { startEngine } from './engine.js';
import { judgeOfBundle, judgeOfPage } from './judges.js';
import { advice } from './quality.js';
import { setCamera, setHint, setProgress, show, video } from './view.js';

const VIEWS = 12; // that enroll a person
const BETWEEN_VIEWS = 300; // ms, so that they differ
const BETWEEN_FRAMES = 120; // ms, of an attempt
const PATIENCE = 8000; // ms without a usable face until an attempt ends
const POSES = ['Look straight at the camera.', 'Turn your head a little to one side.', 'And a little to the other side.'];

const engine = startEngine();
let about; // fields of the bundle's manifest
let round = 0; // incremented when an attempt is left; a loop that still runs then ends

class Stopped extends Error {}

async function start() {
  about = await engine.open();
  welcome();
}

function welcome() {
  setCamera(false);
  setProgress(0);
  if (about.enrolled) {
    show({
      state: 'welcome',
      headline: `Verify ${about.name}`,
      hint: `${about.name} is enrolled in this page. Look into the camera to be verified.`,
      primary: ['Verify', guarded(() => verify(judgeOfBundle(about)))],
      secondary: ['Enroll another face', guarded(enroll)],
    });
    return;
  }
  show({
    state: 'welcome',
    headline: 'Is it me?',
    hint: 'Enroll your face once. After that this page can verify that it is you.',
    primary: ['Start', guarded(enroll)],
  });
}

async function enroll() {
  await cameraOn('enrolling', 'Enrolling');
  const views = [];
  await watch({
    wait: BETWEEN_VIEWS,
    patience: Infinity,
    hint: () => POSES[Math.min(Math.floor((views.length / VIEWS) * POSES.length), POSES.length - 1)],
    take(result) {
      views.push(result.embedding);
      setProgress(views.length / VIEWS);
      return views.length === VIEWS;
    },
  });
  setHint('Comparing with the impostor cohort …');
  const enrollment = await engine.enroll(views);
  if (enrollment) enrolled(judgeOfPage(enrollment));
  else again('That did not work', 'The views differed too much. Try in better light, alone in the picture.', enroll);
}

function enrolled(judge) {
  show({
    state: 'enrolled',
    headline: 'You are enrolled',
    hint: 'Try it: verify yourself, then let somebody else try.',
    primary: ['Verify', guarded(() => verify(judge))],
    secondary: ['Forget me', welcomeAndOff],
    evidence: judge.evidence,
  });
}

async function verify(judge) {
  await cameraOn('verifying', 'Verifying');
  const scores = [];
  const complete = await watch({
    wait: BETWEEN_FRAMES,
    patience: PATIENCE,
    hint: () => 'Look at the camera.',
    take(result) {
      scores.push(judge.scoreOf(result));
      setProgress(scores.length / FRAMES);
      return scores.length === FRAMES;
    },
  });
  if (!complete) again('No decision', 'No face was found that could be compared.', () => verify(judge));
  else showDecision(judge, decide(scores, judge.threshold));
}

function showDecision(judge, { accepted, score }) {
  show({
    state: accepted ? 'accepted' : 'rejected',
    headline: accepted ? 'It is you' : 'Not accepted',
    hint: accepted ? 'This face matches the enrolled one.' : 'This face does not match the enrolled one closely enough.',
    scale: score === null ? undefined : judge.scale(score),
    primary: ['Verify again', guarded(() => verify(judge))],
    secondary: [about.enrolled ? 'Stop' : 'Forget me', welcomeAndOff],
    evidence: judge.evidence,
  });
}

/** Nothing was decided: shown as a rejection with a button to try again. */
function again(headline, hint, action) {
  show({ state: 'rejected', headline, hint, primary: ['Try again', guarded(action)], secondary: ['Stop', welcomeAndOff] });
}

/**
 * Embed frames until `take` has enough usable ones. False where no usable one came for `patience` ms.
 * A frame that is not usable shows advice instead of the hint.
 */
async function watch({ wait, patience, hint, take }) {
  const mine = ++round;
  let lastGood = performance.now();
  setHint(hint());
  for (;;) {
    if (!isLive(video)) throw new Error('The camera was disconnected. Plug it in and try again.');
    const result = await engine.embedFrame(grab(video));
    if (mine !== round) throw new Stopped();
    const better = advice(result);
    if (!better) {
      lastGood = performance.now();
      if (take(result)) return true;
    } else if (performance.now() - lastGood > patience) return false;
    setHint(better ?? hint());
    await new Promise((resolve) => setTimeout(resolve, better ? 60 : wait));
    if (mine !== round) throw new Stopped();
  }
}

async function cameraOn(state, headline) {
  setProgress(0);
  show({ state, headline, hint: 'Waiting for the camera …', secondary: ['Stop', welcomeAndOff] });
  if (!isLive(video)) await openCamera(video);
  setCamera(true);
}

function welcomeAndOff() {
  round++;
  closeCamera(video);
  welcome();
}

/** A click handler that shows every failure, so that the page never stays in a waiting state. */
function guarded(action) {
  return () => action().catch(failed(action));
}

function failed(action) {
  return (error) => {
    if (error instanceof Stopped) return;
    closeCamera(video);
    setCamera(false);
    setProgress(0);
    show({ state: 'error', headline: 'That did not work', hint: error.message, primary: ['Try again', guarded(action)] });
  };
}

start().catch(failed(async () => location.reload()));

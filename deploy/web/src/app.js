// The page from start to end: welcome, enroll, verify, the answer. Each function is one state and leads to the next.

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
let about; // what the bundle says of itself
let round = 0; // grows whenever the person goes elsewhere, so that what still runs knows it is not wanted

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
      headline: `Is it ${about.name}?`,
      hint: `This page knows the face of ${about.name}. Look into the camera and it tells whether it is you.`,
      primary: ['Verify', guarded(() => verify(judgeOfBundle(about)))],
      secondary: ['Enroll another face', guarded(enroll)],
    });
    return;
  }
  show({
    state: 'welcome',
    headline: 'Is it me?',
    hint: 'Show this page your face once. From then on it tells you from everybody else.',
    primary: ['Start', guarded(enroll)],
  });
}

async function enroll() {
  await cameraOn('enrolling', 'Getting to know you');
  const views = [];
  await watch({
    wait: BETWEEN_VIEWS,
    patience: Infinity,
    hint: () => POSES[Math.min(Math.floor((views.length / VIEWS) * POSES.length), POSES.length - 1)],
    take(sight) {
      views.push(sight.embedding);
      setProgress(views.length / VIEWS);
      return views.length === VIEWS;
    },
  });
  setHint('Comparing with strangers …');
  const result = await engine.enroll(views);
  if (result) enrolled(judgeOfPage(result));
  else again('That did not work', 'The views differed too much. Try in better light, alone in the picture.', enroll);
}

function enrolled(judge) {
  show({
    state: 'enrolled',
    headline: 'Now I know you',
    hint: 'Try it: let yourself be verified, then let a friend try.',
    primary: ['Verify', guarded(() => verify(judge))],
    secondary: ['Forget me', welcomeAndOff],
    evidence: judge.evidence,
  });
}

async function verify(judge) {
  await cameraOn('verifying', 'Is it you?');
  const scores = [];
  const seen = await watch({
    wait: BETWEEN_FRAMES,
    patience: PATIENCE,
    hint: () => 'Look at the camera.',
    take(sight) {
      scores.push(judge.scoreOf(sight));
      setProgress(scores.length / FRAMES);
      return scores.length === FRAMES;
    },
  });
  if (!seen) again('No answer', 'I saw no face that I could compare.', () => verify(judge));
  else answer(judge, decide(scores, judge.threshold));
}

function answer(judge, { accepted, score }) {
  show({
    state: accepted ? 'accepted' : 'rejected',
    headline: accepted ? 'It is you' : 'Not accepted',
    hint: accepted ? 'This face matches the one I know.' : 'This face is not near enough to the one I know.',
    scale: score === null ? undefined : judge.scale(score),
    primary: ['Verify again', guarded(() => verify(judge))],
    secondary: [about.enrolled ? 'Stop' : 'Forget me', welcomeAndOff],
    evidence: judge.evidence,
  });
}

/** Nothing was decided: that is a rejection, with a way on. */
function again(headline, hint, action) {
  show({ state: 'rejected', headline, hint, primary: ['Try again', guarded(action)], secondary: ['Stop', welcomeAndOff] });
}

/**
 * Look at frames until `take` has enough good ones. False where no good one came for `patience` ms.
 * A frame with something to better shows the advice instead of the hint.
 */
async function watch({ wait, patience, hint, take }) {
  const mine = ++round;
  let lastGood = performance.now();
  setHint(hint());
  for (;;) {
    if (!isLive(video)) throw new Error('The camera is gone. Plug it in and try again.');
    const sight = await engine.look(grab(video));
    if (mine !== round) throw new Stopped();
    const better = advice(sight);
    if (!better) {
      lastGood = performance.now();
      if (take(sight)) return true;
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

/** What happens at a click, with every failure shown: a page that stands still would look like an answer to come. */
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

// The states of the page: welcome, enroll, verify, decision. Each function shows one state and calls the next.

import { decide, FRAMES } from './attempt.js';
import { closeCamera, endStream, grab, isLive, requestCamera } from './camera.js';
import { startEngine } from './engine.js';
import { chooseFiles, offer } from './files.js';
import { advice } from './sight.js';
import { setCamera, setHint, setProgress, show, video } from './view.js';
import { evidenceWords, faultWords } from './words.js';

const VIEWS = 12; // that enroll a person
const BETWEEN_VIEWS = 300; // ms, so that they differ
const BETWEEN_FRAMES = 120; // ms, of an attempt
const PATIENCE = 8000; // ms without a usable face until an attempt ends
const POSES = ['Look straight at the camera.', 'Turn your head a little to one side.', 'And a little to the other side.'];

const engine = startEngine();
let served; // what the page shows of the bundle that it came with
let person; // the same of the person who is enrolled
let round = 0; // incremented by every action: what an earlier one still waits for is then dropped

class Stopped extends Error {}

async function start() {
  served = await engine.open();
  person = served;
  welcome();
}

function welcome() {
  const open = ['Open a saved enrollment', action(openSaved)];
  if (served.enrolled) {
    show({
      state: 'welcome',
      headline: `Verify ${served.name}`,
      hint: `${served.name} is enrolled in this page. Look into the camera to be verified.`,
      buttons: [['Verify', action(verify)], ['Enroll another face', action(enroll)], open],
    });
    return;
  }
  show({
    state: 'welcome',
    headline: 'Is it me?',
    hint: 'Enroll your face once. After that this page can verify that it is you.',
    buttons: [['Start', action(enroll)], open],
  });
}

async function enroll(still) {
  await cameraOn('enrolling', 'Enrolling', still);
  const views = [];
  const stretches = [];
  await watch(still, {
    wait: BETWEEN_VIEWS,
    patience: Infinity,
    compared: null,
    hint: () => POSES[Math.min(Math.floor((views.length / VIEWS) * POSES.length), POSES.length - 1)],
    take(result) {
      views.push(result.embedding);
      stretches.push(result.stretch);
      setProgress(views.length / VIEWS);
      return views.length === VIEWS;
    },
  });
  setHint('Setting the threshold …');
  const made = still(await engine.enroll(views, stretches));
  if (made.fault) return again('That did not work', faultWords(made.fault), enroll);
  person = { ...made, made: true };
  enrolled();
}

function enrolled(headline = person.made ? 'You are enrolled' : `${person.name} is enrolled`) {
  show({
    state: 'enrolled',
    headline,
    hint: 'Verify yourself, then let somebody else try.',
    buttons: [['Verify', action(verify)], ...keeping()],
    evidence: evidenceWords(person.calibration, person.shown),
  });
}

/** What can be done with the person who is enrolled. */
function keeping() {
  if (person === served) return [['Stop', stop]];
  return person.made ? [['Save', action(save)], ['Forget me', forget]] : [['Forget me', forget]];
}

/** The enrollment as a file of the person's own; the page itself stores nothing. */
async function save(still) {
  offer('me.facedge.zip', still(await engine.save(person.number)));
  enrolled('Saved');
}

async function openSaved(still) {
  const files = still(await chooseFiles());
  if (!files) return;
  person = still(await engine.openBundle(files));
  enrolled();
}

async function verify(still) {
  await cameraOn('verifying', 'Verifying', still);
  const me = person;
  const scores = [];
  const complete = await watch(still, {
    wait: BETWEEN_FRAMES,
    patience: PATIENCE,
    compared: me,
    hint: () => 'Look at the camera.',
    take(result) {
      scores.push(result.probability);
      setProgress(scores.length / FRAMES);
      return scores.length === FRAMES;
    },
  });
  if (complete) showDecision(decide(scores, me.threshold));
  else again('No decision', 'No face was found that could be compared.', verify);
}

function showDecision({ accepted, score }) {
  show({
    state: accepted ? 'accepted' : 'rejected',
    headline: accepted ? 'It is you' : 'Not accepted',
    hint: accepted ? 'This face matches the enrolled one.' : 'This face does not match the enrolled one closely enough.',
    scale: score === null ? undefined : { score, threshold: person.threshold },
    buttons: [['Verify again', action(verify)], ...keeping()],
    evidence: evidenceWords(person.calibration, person.shown),
  });
}

/** Nothing was decided: shown as a rejection with a button to try again. */
function again(headline, hint, task) {
  show({ state: 'rejected', headline, hint, buttons: [['Try again', action(task)], ...keeping()] });
}

/**
 * Look at frames until `take` has enough usable ones. False where no usable one came for `patience` ms.
 * A frame that is not usable shows advice instead of the hint. `compared`: with whom; null while somebody enrolls.
 */
async function watch(still, { wait, patience, compared, hint, take }) {
  let lastGood = performance.now();
  setHint(hint());
  for (;;) {
    if (!isLive(video)) throw new Error('The camera was disconnected. Plug it in and try again.');
    const result = still(await engine.look(grab(video), compared?.number));
    const better = advice(result, !compared);
    if (!better) {
      lastGood = performance.now();
      if (take(result)) return true;
    } else if (performance.now() - lastGood > patience) return false;
    setHint(better ?? hint());
    still(await new Promise((resolve) => setTimeout(resolve, better ? 60 : wait)));
  }
}

async function cameraOn(state, headline, still) {
  const mine = round;
  setProgress(0);
  show({ state, headline, hint: 'Waiting for the camera …', buttons: [['Stop', stop]] });
  if (!isLive(video)) {
    const stream = await requestCamera();
    if (round !== mine) endStream(stream);
    still();
    video.srcObject = stream;
    await video.play();
  }
  setCamera(true);
}

/** End what is under way; whoever is enrolled stays so. */
function stop() {
  round++;
  engine.keep(person.number);
  closeCamera(video);
  setCamera(false);
  setProgress(0);
  if (person === served) welcome();
  else enrolled();
}

function forget() {
  person = served;
  stop();
}

/**
 * A click handler that shows every failure, so that the page never stays in a waiting state. The task is given `still`, to
 * be called with whatever it waited for: it throws where another action has begun since, so that a stopped task changes nothing.
 */
function action(task) {
  return () => {
    const mine = ++round;
    engine.keep(person.number); // what an earlier action began is dropped in the worker too
    const still = (value) => {
      if (mine !== round) throw new Stopped();
      return value;
    };
    return task(still).catch((error) => failed(error, mine === round, action(task)));
  };
}

function failed(error, current, retry) {
  if (error instanceof Stopped || !current) return;
  closeCamera(video);
  setCamera(false);
  setProgress(0);
  show({ state: 'error', headline: 'That did not work', hint: error.message, buttons: [['Try again', retry], ['Stop', stop]] });
}

start().catch((error) => failed(error, true, () => location.reload()));
navigator.serviceWorker?.register('sw.js').catch(() => {}); // without it the page works all the same, but not offline

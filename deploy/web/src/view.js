// The elements of the page and their contents.

import { drawScale } from './scale.js';
import { scoreWords } from './words.js';

const $ = (id) => document.getElementById(id);
const page = $('page');
export const video = $('video');

const BUTTONS = ['primary', 'secondary', 'tertiary'];

/**
 * One state of the page.
 * @param {{state: string, headline: string, hint?: string, buttons: [string, () => void][], scale?: object, evidence?: string[]}} view
 *   buttons: at most three, each a label and what happens
 */
export function show({ state, headline, hint = '', buttons, scale, evidence }) {
  const focused = BUTTONS.includes(document.activeElement.id);
  page.dataset.state = state;
  setText('headline', headline);
  setHint(hint);
  BUTTONS.forEach((id, n) => setButton($(id), buttons[n]));
  $('scale').hidden = !scale;
  if (scale) {
    $('scale').querySelector('svg').innerHTML = drawScale(scale); // numbers and our own words only
    setText('scale-words', scoreWords(scale));
  }
  $('evidence').hidden = !evidence;
  $('evidence').open = false;
  $('evidence-words').replaceChildren(...(evidence ?? []).map(paragraph));
  if (focused) $('primary').focus({ preventScroll: true }); // the button that was pressed may be gone
}

/** The line under the headline. */
export const setHint = (text) => setText('hint', text);

/** The ring around the picture: a part from 0 to 1. */
export const setProgress = (part) => $('progress').style.setProperty('--part', 100 * part);

/** Whether the lens shows the camera or the drawing. */
export function setCamera(on) {
  page.dataset.camera = on ? 'on' : 'off';
}

function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text; // a screen reader reads out every change
}

function setButton(button, [label, action] = []) {
  button.hidden = !label;
  button.textContent = label ?? '';
  button.onclick = action ?? null;
}

function paragraph(text) {
  const element = document.createElement('p');
  element.textContent = text;
  return element;
}

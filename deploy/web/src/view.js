// The elements of the page and their contents.

import { drawScale } from './scale.js';

const $ = (id) => document.getElementById(id);
const page = $('page');
export const video = $('video');

/**
 * One state of the page. Buttons are [label, what happens], or absent.
 * @param {{state: string, headline: string, hint?: string, primary?: [string, () => void],
 *   secondary?: [string, () => void], scale?: object, evidence?: string[]}} view
 */
export function show({ state, headline, hint = '', primary, secondary, scale, evidence }) {
  page.dataset.state = state;
  setText('headline', headline);
  setHint(hint);
  setButton($('primary'), primary);
  setButton($('secondary'), secondary);
  $('scale').hidden = !scale;
  if (scale) {
    $('scale').querySelector('svg').innerHTML = drawScale(scale); // numbers and our own words only
    setText('scale-words', `Score ${scale.score.toFixed(2)}, accepted from ${scale.threshold.toFixed(2)}`);
  }
  $('evidence').hidden = !evidence;
  $('evidence').open = false;
  $('evidence-words').replaceChildren(...(evidence ?? []).map(paragraph));
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

// Every sentence that carries a number: what an error rate means, for people.

export const percent = (rate) => `${Number((100 * rate).toPrecision(2))} %`;
const grouped = (count) => count.toLocaleString('en');

/** "about 1 in 1,000" */
export const oneIn = (rate) => `about 1 in ${grouped(Math.round(1 / rate))}`;

/** The evidence as paragraphs. @param {{target: number, upper95: number}} point */
export function evidenceWords(point, basis) {
  return [
    `Of other people who try, ${oneIn(point.target)} would be accepted; with 95 % certainty not more than ${percent(point.upper95)}.`,
    basis,
    'A relative or a lookalike is accepted more often than other people. A good photo of you may be accepted too: this ' +
      'page compares faces, it does not detect a photo before the camera.',
  ];
}

export const basisOfPage = (point) =>
  `Measured on your device: the ${grouped(point.people)} people of the cohort in this page were enrolled in turn, each ` +
  `against all others: ${grouped(point.pairs)} pairs, ${grouped(point.comparisons)} comparisons.`;

export const basisOfBundle = (calibration) =>
  `Measured when this verifier was made, on ${grouped(calibration.comparisons)} comparisons with ` +
  `${grouped(calibration.identities)} people.`;

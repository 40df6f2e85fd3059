// Every sentence that carries a number: what an error rate means, for people.

const percent = (rate) => `${Number((100 * rate).toPrecision(2))} %`;
const grouped = (count) => count.toLocaleString('en');

/** "about 1 in 1,000" */
const oneIn = (rate) => `about 1 in ${grouped(Math.round(1 / rate))}`;

const LOOKALIKES =
  'A relative or a lookalike is accepted more often than other people. A good photo of you may be accepted too: this page ' +
  'compares faces, it does not detect a photo before the camera.';
const BY_HAND = 'The threshold of this enrollment was set by hand: its false accept rate is not known.';

export const SQUEEZED = 'The picture is squeezed: choose the true proportions for this camera.';

/** Why views enroll nobody. @param {string} fault of deploy/node/core/fit.js, or `squeezed` */
export function faultWords(fault) {
  if (fault === 'squeezed') return SQUEEZED;
  if (fault === 'several_people') return 'The views are not all of one person. Try again, alone in the picture all the time.';
  return 'The views differed too much. Try in better light, with your whole face in the picture.';
}

/**
 * The evidence for a threshold as paragraphs.
 * @param {object | null} calibration of the manifest
 * @param {{condition?: string, nearOthers?: boolean, doubtful?: boolean}} shown by the views that enrolled
 */
export function evidenceWords(calibration, { condition, nearOthers, doubtful } = {}) {
  if (!calibration) return [BY_HAND, LOOKALIKES];
  const { far_target: target, far_upper95: upper95, comparisons, identities } = calibration;
  return [
    `Of pictures of other people, ${oneIn(target)} is taken for the enrolled person; with 95 % certainty not more than ${percent(upper95)}.`,
    `Measured when the models were made: ${grouped(identities)} people were enrolled in turn, each against all others, in ` +
      `${grouped(comparisons)} comparisons.`,
    ...(condition ? [`Your views show ${condition}, where people are more alike: the threshold was raised to keep that rate.`] : []),
    ...(doubtful ? ['The picture may be squeezed: if people look too narrow or too wide in it, choose the true proportions and enroll again.'] : []),
    ...(nearOthers ? ['Your views are more like people in general than most: others may be accepted more often. Enroll again in better light.'] : []),
    LOOKALIKES,
  ];
}

/** One decision in words. @param {{score: number, threshold: number}} it */
export function scoreWords({ score, threshold }) {
  const certain = `Score ${score.toFixed(2)}, accepted from ${threshold.toFixed(2)}`;
  return score >= threshold
    ? `${certain}: this face is as much like the enrolled one as one person's pictures are like each other.`
    : `${certain}: this face differs from the enrolled one as other people's faces do.`;
}

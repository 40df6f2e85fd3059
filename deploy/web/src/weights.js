// One axis of facedge's resize in exact integers: facedge/preprocessing/reference.py defines them.
// Every product here stays below 2^53, so JavaScript's numbers hold them exactly.

const FRACTION = 256; // units of a pixel
export const WEIGHT_ONE = 4096;

/** (unit of a pixel, start of each output, length of an output) for a whole axis of `pixels` brought to `outputs`. */
function axis(pixels, outputs) {
  const span = pixels * FRACTION;
  const starts = new Array(outputs);
  if (pixels >= outputs) {
    for (let o = 0; o < outputs; o++) starts[o] = o * span;
    return { unit: FRACTION * outputs, starts, length: span };
  }
  const unit = 2 * FRACTION * outputs;
  for (let o = 0; o < outputs; o++) {
    const centre = (2 * o + 1) * span - FRACTION * outputs;
    starts[o] = Math.min(Math.max(centre, 0), (pixels - 1) * unit);
  }
  return { unit, starts, length: unit };
}

/**
 * The taps of every output: area average where the axis shrinks, linear interpolation where it grows.
 * @returns {{first: number, weights: number[]}[]} weights of the pixels from `first` on; each sums to 4096.
 */
export function taps(pixels, outputs) {
  const { unit, starts, length } = axis(pixels, outputs);
  return starts.map((start) => {
    const cumulative = (edge) => {
      const covered = Math.min(Math.max(edge * unit - start, 0), length);
      return Math.floor((2 * WEIGHT_ONE * covered + length) / (2 * length)); // halves go up
    };
    const first = Math.min(Math.floor(start / unit), pixels - 1);
    const last = Math.min(Math.ceil((start + length) / unit), pixels);
    const weights = [];
    for (let x = first; x < last; x++) weights.push(cumulative(x + 1) - cumulative(x));
    return { first, weights };
  });
}

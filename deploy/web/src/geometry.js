// CelebA geometry: where a face lies in an aligned crop. The numbers of facedge/preprocessing/spec.py.

export const FRAME_WIDTH = 178;
export const FRAME_HEIGHT = 218;

/** (x, y) in pixels from the crop's corner: eye on the image's left, other eye, nose tip, mouth left, mouth right. */
export const LANDMARKS = [
  [68.4, 111.2],
  [107.8, 111.2],
  [86.8, 134.2],
  [70.0, 151.7],
  [104.0, 151.7],
];

/**
 * Pixels, row by row, the first three channels red, green, blue.
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: number}} Picture
 */

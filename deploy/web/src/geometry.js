// CelebA geometry: where a face lies in an aligned crop. The numbers of facedge/preprocessing/spec.py.

export const FRAME_WIDTH = 178;
export const FRAME_HEIGHT = 218;

/**
 * Where the detector's landmarks come to lie, (x, y) in pixels from the crop's corner: eye on the image's left, other
 * eye, nose tip, mouth left, mouth right. The numbers of facedge/faces/align.py, which gives their source.
 */
export const TARGET = [
  [67.57, 111.91],
  [105.75, 111.95],
  [85.89, 134.46],
  [70.34, 151.83],
  [102.49, 151.88],
];

/**
 * Pixels, row by row, the first three channels red, green, blue.
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: number}} Picture
 */

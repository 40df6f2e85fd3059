/** An aligned RGB face crop in CelebA geometry, of any size: 3 bytes a pixel, row by row. */
export interface Image {
  data: Uint8Array;
  height: number;
  width: number;
}

/** A photo or frame: 3 bytes a pixel (RGB) or 4 (RGBA), row by row without gaps. */
export interface Photo {
  data: Uint8Array | Uint8ClampedArray;
  height: number;
  width: number;
}

/** A face in pixels of the photo, (0, 0) at the corner of the first one. */
export interface Face {
  /** x0, y0, x1, y1 */
  box: [number, number, number, number];
  /** Eyes, nose, mouth corners, (x, y) each. */
  landmarks: [number, number][];
  /** The detector's, 0..1. */
  score: number;
}

export interface SearchOptions {
  /** Which of several faces is meant; only: refuse several. Default: largest. */
  policy?: 'largest' | 'center' | 'only';
  /** Width of the smallest face to find: below 1 a share of the photo's longer side, otherwise pixels. Default: 0.075. */
  minFace?: number;
  /** Search a photo without an upright face turned by 90, 180 and 270 degrees too. Default: true. */
  turn?: boolean;
}

export type FaceReason = 'no_face' | 'many_faces' | 'low_quality' | 'rotated' | 'distorted';

export interface Found {
  /** null where there is a crop. */
  reason: FaceReason | null;
  crop: Image | null;
  /** The face that is meant. */
  face: Face | null;
  /** Largest first. */
  faces: Face[];
  /** Degrees clockwise by which the photo was turned to find the face. */
  turned: number;
  /** Logarithm of the factor by which the picture seems widened; null where no face was measured. */
  stretch: number | null;
  /** Why the face should not be enrolled. */
  fault: 'far' | 'bright' | 'dark' | 'blurred' | 'turned' | null;
  measures: { sharpness: number; brightness: number; contrast: number } | null;
}

export interface Decision {
  /** score >= threshold, and the score is a number in 0..1. */
  accepted: boolean;
  /** 0..1, higher is more alike; null for low_quality. */
  score: number | null;
  threshold: number;
  /** null where accepted. low_quality: the image is almost flat, or a score is no number. */
  reason: 'below_threshold' | FaceReason | null;
  /** Probability of each attribute, by name; empty for low_quality. */
  attributes: Record<string, number>;
}

export interface PhotoDecision extends Decision {
  face: Face | null;
  /** How many were found, of which one at most was scored. */
  faces: number;
  turned: number;
  stretch: number | null;
}

export interface Answer {
  /** Of length 1 (L2). */
  embedding: Float32Array;
  /** Probabilities, in the order of manifest.attribute_names. */
  attributes: Float32Array;
  probability: number;
  /** Contrast of the network's input, in grey levels. */
  quality: number;
}

/** The fields of manifest.json, defined in deploy/FORMAT.md, section 2. */
export interface Manifest {
  name: string;
  enrolled: boolean;
  threshold: number | null;
  attribute_names: string[];
  embedding_size: number;
  usage: string;
  [key: string]: unknown;
}

/** The bundle is damaged, edited, too new, or nobody is enrolled in it. */
export class BundleError extends Error {}

/** A loaded bundle. Calls may overlap. */
export class Verifier {
  private constructor();
  readonly manifest: Manifest;
  /** Throws BundleError where nobody is enrolled. */
  get threshold(): number;
  /** Is it the person that the bundle is about? */
  verify(image: Image): Promise<Decision>;
  /** The same from a whole photo: finds the face, checks it, aligns it. Throws without a detector. */
  verifyPhoto(photo: Photo, options?: SearchOptions): Promise<PhotoDecision>;
  /** The numbers behind it; works without an enrolled person too. */
  infer(image: Image): Promise<Answer>;
}

/**
 * Read and check a bundle, and load its verifier.onnx. bundle: the path of NAME.facedge or NAME.facedge.zip, or the bytes of
 * such a zip. detector: the path of face_detection_yunet_2023mar.onnx.
 */
export function load(bundle: string | Uint8Array, options?: { threads?: number; detector?: string }): Promise<Verifier>;

/** Finds faces without a bundle; `detector` as above, `options` those of onnxruntime's sessions. */
export function openFinderAt(
  detector: string,
  options?: object,
): Promise<(photo: Photo, options?: SearchOptions) => Promise<Found>>;

/** An image file (JPEG, PNG, WebP, ...) or its bytes as upright RGB pixels; needs the optional package sharp. */
export function readPhoto(file: string | Uint8Array): Promise<Image>;

/** The manifest and the checked bytes of every file, by name. */
export function readBundle(bundle: string | Uint8Array): Promise<{ manifest: Manifest; files: Record<string, Uint8Array> }>;

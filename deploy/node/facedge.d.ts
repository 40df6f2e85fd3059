/** An aligned RGB face crop in CelebA geometry, of any size: 3 bytes a pixel, row by row. */
export interface Image {
  data: Uint8Array;
  height: number;
  width: number;
}

export interface Decision {
  /** score >= threshold, and the score is a number in 0..1. */
  accepted: boolean;
  /** 0..1, higher is more alike; null for low_quality. */
  score: number | null;
  threshold: number;
  /** null where accepted. low_quality: the image is almost flat, or a score is no number. */
  reason: 'below_threshold' | 'low_quality' | null;
  /** Probability of each attribute, by name; empty for low_quality. */
  attributes: Record<string, number>;
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
  /** The numbers behind it; works without an enrolled person too. */
  infer(image: Image): Promise<Answer>;
}

/** Read and check a bundle directory, and load its verifier.onnx. */
export function load(path: string, options?: { threads?: number }): Promise<Verifier>;

/** The manifest and the checked bytes of every file, by name. */
export function readBundle(path: string): Promise<{ manifest: Manifest; files: Record<string, Uint8Array> }>;

// A bundle with its session: crop or photo -> decision with a reason.
import { BundleError } from './errors.js';

const LEAST_QUALITY = 8; // grey levels: facedge.quality_floor of every verifier.onnx (deploy/FORMAT.md, section 4)

export class Verifier {
  #ort;
  #session;
  #find;

  /** @param {any} ort @param {any} session of verifier.onnx @param {(photo: object) => Promise<any>} [find] see faces.js */
  constructor(ort, session, manifest, find) {
    this.#ort = ort;
    this.#session = session;
    this.#find = find;
    this.manifest = manifest;
  }

  get threshold() {
    if (!this.manifest.enrolled) throw new BundleError('nobody is enrolled in this bundle: run facedge enroll');
    return this.manifest.threshold;
  }

  async infer({ data, height, width }) {
    if (!(data instanceof Uint8Array) || !(height > 0) || !(width > 0) || data.length !== height * width * 3)
      throw new TypeError('an image is {data, height, width}: RGB bytes, height * width * 3 of them');
    const image = new this.#ort.Tensor('uint8', data, [1, height, width, 3]);
    const { embedding, attributes, probability, quality } = await this.#session.run({ image });
    return {
      embedding: embedding.data,
      attributes: attributes.data,
      probability: probability.data[0],
      quality: quality.data[0],
    };
  }

  async verify(image) {
    return this.#decided(this.threshold, await this.infer(image)); // nobody enrolled is an error, not a rejection
  }

  async verifyPhoto(photo, options) {
    const threshold = this.threshold; // before any work
    if (!this.#find) throw new TypeError('finding a face needs a detector: load(path, { detector })');
    const { crop, reason, face, faces, turned, stretch } = await this.#find(photo, options);
    const decision = crop ? this.#decided(threshold, await this.infer(crop)) : rejected(threshold, reason);
    return { ...decision, face, faces: faces.length, turned, stretch };
  }

  #decided(threshold, { probability, attributes, quality }) {
    if (!isScored({ probability, quality })) return rejected(threshold, 'low_quality');
    const accepted = probability >= threshold;
    const named = this.manifest.attribute_names.map((name, k) => [name, attributes[k]]);
    const reason = accepted ? null : 'below_threshold';
    return { accepted, score: probability, threshold, reason, attributes: Object.fromEntries(named) };
  }
}

const rejected = (threshold, reason) => ({ accepted: false, score: null, threshold, reason, attributes: {} });

/** Whether an answer counts: not of an almost flat image, and a number from 0 to 1 (NaN is none). */
export const isScored = ({ probability, quality }) => quality >= LEAST_QUALITY && probability >= 0 && probability <= 1;

/** @param {any} ort @param {import('./bundle.js').Bundle} bundle @param {{options?: object, find?: Function}} [how] */
export async function openVerifier(ort, { manifest, files }, { options = {}, find } = {}) {
  const graph = files['verifier.onnx'];
  if (!graph) throw new BundleError('this bundle has no verifier.onnx: run facedge bundle convert');
  return new Verifier(ort, await ort.InferenceSession.create(graph, { logSeverityLevel: 3, ...options }), manifest, find);
}

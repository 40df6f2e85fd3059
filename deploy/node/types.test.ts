// Compiled, never run: checks that the types match the module.
import { BundleError, load, openFinderAt, readPhoto, type Decision, type Image, type PhotoDecision } from './facedge.js';

const image: Image = { data: new Uint8Array(178 * 218 * 3), height: 218, width: 178 };
const verifier = await load('ana.facedge', { threads: 2 });
const decision: Decision = await verifier.verify(image);
const photo: Image = await readPhoto('photo.jpg');
const whole: PhotoDecision = await verifier.verifyPhoto(photo, { policy: 'only' });
const { crop } = await (await openFinderAt('yunet.onnx'))(photo);
const smiling: number | undefined = decision.attributes['Smiling'];
const { embedding } = await verifier.infer(image);
const first: number | undefined = embedding[0];
// @ts-expect-error a path is a string
await load(7);
// @ts-expect-error the constructor is not for callers
new (verifier.constructor as typeof import('./facedge.js').Verifier)();
export default [whole.faces, crop?.data, decision.accepted, smiling, first, BundleError];

// .npy files (NumPy's NEP 1) of booleans, integers and floats: in C order, little-endian, nothing behind the array.
import { BundleError } from './errors.js';

const MOST_HEADER = 10_000;
const ENTRY = /'(descr|fortran_order|shape)':('[<>|](?:b1|[iu][1248]|f[248])'|True|False|\(\)|\([0-9]{1,18},\)|\([0-9]{1,18}(?:,[0-9]{1,18})+,?\)),?/g;

// {type, shape, data}: type such as '<f4', data the bytes of the values. BundleError, naming the file, for anything else.
export function readNpy(file, bytes) {
  const refuse = (why) => {
    throw new BundleError(`${file} is not a plain .npy array (${why})`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 12 || bytes.subarray(0, 6).join() !== '147,78,85,77,80,89' || bytes[7] !== 0 || ![1, 2, 3].includes(bytes[6]))
    refuse('no NumPy header');
  const begin = bytes[6] === 1 ? 10 : 12;
  const start = begin + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (start <= begin || start > Math.min(bytes.length, begin + MOST_HEADER)) refuse('header cut short or too long');
  const text = new TextDecoder('latin1').decode(bytes.subarray(begin, start)).replace(/\s/g, '');
  const inner = text.slice(1, -1);
  const entries = Object.fromEntries([...inner.matchAll(ENTRY)].map(([, key, value]) => [key, value]));
  const { descr, fortran_order: order, shape } = entries;
  if (!/^\{.*\}$/.test(text) || inner.replace(ENTRY, '') !== '' || !descr?.startsWith("'") || !shape?.startsWith('(') || !/^(True|False)$/.test(order))
    refuse('header');
  if (order === 'True' || descr[1] === '>') throw new BundleError(`${file} is not in C order and little-endian`);
  const axes = shape.slice(1, -1).split(',').filter(Boolean).map(Number);
  const size = axes.reduce((product, axis) => product * axis, 1) * Number(descr.at(-2));
  if (axes.length > 64 || axes.some((axis) => axis > Number.MAX_SAFE_INTEGER) || size !== bytes.length - start)
    refuse('other bytes than its shape needs');
  return { type: descr.slice(1, -1), shape: axes, data: new Uint8Array(bytes.subarray(start)) };
}

// BundleError unless the cohort fits embeddings of this size: float32 (N, D) of finite numbers, identities int32 (N,).
export function checkArrays(files, embeddingSize) {
  const arrays = {};
  for (const [name, bytes] of Object.entries(files)) if (name.endsWith('.npy')) arrays[name] = readNpy(name, bytes);
  const { 'cohort.npy': cohort, 'cohort_identities.npy': identities } = arrays;
  if (cohort) {
    const { type, shape, data } = cohort;
    if (type !== '<f4' || shape.length !== 2 || shape[0] < 1 || shape[1] !== embeddingSize || !new Float32Array(data.buffer).every(Number.isFinite))
      throw new BundleError(`cohort.npy: expected finite float32 (N, ${embeddingSize})`);
  }
  if (identities && (identities.type !== '<i4' || identities.shape.join() !== String(cohort?.shape[0])))
    throw new BundleError('cohort_identities.npy: expected int32, one for each row of cohort.npy');
}

/** Rows of float32 -> a .npy file (N, D), as numpy writes it. @param {Float32Array[]} rows */
export function toNpy(rows) {
  const [count, size] = [rows.length, rows[0].length];
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${size}), }`;
  const header = new TextEncoder().encode(`${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`);
  const out = new Uint8Array(10 + header.length + 4 * count * size);
  out.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  out.set(header, 10);
  rows.forEach((row, n) => out.set(new Uint8Array(Float32Array.from(row).buffer), 10 + header.length + 4 * size * n));
  return out;
}

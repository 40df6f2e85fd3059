// NumPy's .npy files: float32, int32, uint8 and float64 in C order, little-endian, nothing pickled.

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const TYPES = { '<f4': Float32Array, '<i4': Int32Array, '|u1': Uint8Array, '<f8': Float64Array };

/** @param {Uint8Array} bytes @returns {{data: ArrayLike<number>, shape: number[]}} */
export function readNpy(bytes) {
  if (bytes.length < 12 || MAGIC.some((value, n) => bytes[n] !== value)) throw new Error('not a .npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [length, at] = bytes[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  const header = new TextDecoder().decode(bytes.subarray(at, at + length));
  const found = /^\{'descr': '([^']+)', 'fortran_order': False, 'shape': \(([\d, ]*)\), \}\s*$/.exec(header);
  const Type = found && TYPES[found[1]];
  if (!Type) throw new Error(`a .npy file of a kind this page does not read: ${header.trim()}`);
  const shape = found[2].split(',').filter((part) => part.trim()).map(Number);
  const body = bytes.slice(at + length); // a copy, so that it is aligned
  const count = shape.reduce((product, side) => product * side, 1);
  if (body.byteLength !== count * Type.BYTES_PER_ELEMENT) throw new Error('a .npy file has another length than its header gives');
  return { data: new Type(body.buffer), shape };
}

// Just enough of protobuf's wire format to change fields of an ONNX file. https://protobuf.dev/programming-guides/encoding/

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * A message with some of its length-delimited fields changed, everything else byte for byte.
 * @param {Uint8Array} message
 * @param {Record<number, (value: Uint8Array) => Uint8Array | null>} edits by field number; null drops the field
 */
export function edited(message, edits) {
  const parts = [];
  let at = 0;
  while (at < message.length) {
    const start = at;
    let tag, length;
    [tag, at] = varint(message, at);
    if ((tag & 7) === BYTES) {
      [length, at] = varint(message, at);
      const value = message.subarray(at, at + length);
      const edit = edits[tag >>> 3];
      const fresh = edit ? edit(value) : value;
      if (fresh === value) parts.push(message.subarray(start, at + length));
      else if (fresh) parts.push(varintBytes(tag), varintBytes(fresh.length), fresh);
      at += length;
    } else {
      at = afterScalar(message, at, tag & 7);
      parts.push(message.subarray(start, at));
    }
    if (at > message.length) throw new Error('an ONNX file that ends too early');
  }
  return joined(parts);
}

function afterScalar(message, at, kind) {
  if (kind === VARINT) return varint(message, at)[1];
  if (kind === FIXED64) return at + 8;
  if (kind === FIXED32) return at + 4;
  throw new Error('not an ONNX file');
}

/** (value, where it ends). Values beyond 2^53 lose digits; no length and no tag is that long. */
function varint(bytes, at) {
  let [value, scale] = [0, 1];
  for (; at < bytes.length; at++, scale *= 128) {
    value += (bytes[at] & 0x7f) * scale;
    if (bytes[at] < 0x80) return [value, at + 1];
  }
  throw new Error('an ONNX file that ends too early');
}

function varintBytes(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, value]);
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

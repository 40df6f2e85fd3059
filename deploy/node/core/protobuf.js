// Protobuf's wire format, as far as ONNX files need it. https://protobuf.dev/programming-guides/encoding/

export const VARINT = 0;
export const LENGTH = 2;
const FIXED64 = 1;
const FIXED32 = 5;
export const MOST_FIELDS = 1 << 17;
const MOST_FIELD_NUMBER = (1 << 29) - 1; // engines cut a larger number off, and would read another field than we

export class ProtobufError extends Error {}

// {number, wire, value, from, start, end} for each field: `from` is where its key begins, `start` its value of the message, or null for more than `most`.
export function readFields(bytes, start, end, most) {
  const fields = [];
  for (let at = start; at < end; ) {
    if (fields.length === most) return null;
    const from = at;
    const [key, afterKey] = readVarint(bytes, at, end);
    const number = Math.floor(key / 8);
    const wire = key % 8;
    let value = 0;
    let begin = afterKey;
    if (wire === VARINT) [value, at] = readVarint(bytes, afterKey, end);
    else if (wire === LENGTH) {
      [value, begin] = readVarint(bytes, afterKey, end);
      at = begin + value;
    } else if (wire === FIXED64 || wire === FIXED32) at = afterKey + (wire === FIXED64 ? 8 : 4);
    else throw new ProtobufError(`wire type ${wire}`);
    if (at > end) throw new ProtobufError('cut short');
    if (!(number >= 1 && number <= MOST_FIELD_NUMBER)) throw new ProtobufError(`field ${number}`);
    fields.push({ number, wire, value, from, start: begin, end: at });
  }
  return fields;
}

// [value, position after it]; a value from 2^53 on is inexact, and too large wherever it matters here.
function readVarint(bytes, at, end) {
  let value = 0;
  for (let power = 1, count = 0; count < 10; power *= 128, count++) {
    if (at >= end) throw new ProtobufError('cut short');
    const byte = bytes[at++];
    value += (byte & 0x7f) * power;
    if (byte < 0x80) return [value, at];
  }
  throw new ProtobufError('a varint of more than 10 bytes');
}

/**
 * A message with some of its length-delimited fields changed, everything else byte for byte.
 * @param {Uint8Array} message
 * @param {Record<number, (value: Uint8Array) => Uint8Array | null>} edits by field number; null drops the field
 */
export function edited(message, edits) {
  const parts = [];
  for (const { number, wire, from, start, end } of readFields(message, 0, message.length, MOST_FIELDS) ?? []) {
    const edit = wire === LENGTH ? edits[number] : undefined;
    const value = message.subarray(start, end);
    const fresh = edit ? edit(value) : value;
    if (fresh === value) parts.push(message.subarray(from, end));
    else if (fresh) parts.push(field(number, fresh));
  }
  return joined(parts);
}

/** A length-delimited field: bytes, or a text. */
export function field(number, content) {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return joined([varint(8 * number + LENGTH), varint(bytes.length), bytes]);
}

function varint(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, value]);
}

export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

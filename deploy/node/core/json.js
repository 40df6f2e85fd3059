// JSON as FORMAT.md, section 2, limits it: one object, no key twice, nothing that another reader would take differently.
import { BundleError } from './errors.js';

const MOST_VALUES = 1 << 19;
const MOST_WHOLE = 2 ** 53;
const MOST_DIGITS = 17; // of a whole number, with its sign
const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/gs;

const fractions = new WeakMap(); // objects and lists that were read -> keys of numbers written with fraction or exponent

/** Whether object[key] is a whole number in least..most that was written as one: 1, not 1.0 or 1e0. */
export function isWhole(object, key, least = 0, most = MOST_WHOLE) {
  const value = object[key];
  return Number.isInteger(value) && value >= least && value <= most && !fractions.get(object)?.has(String(key));
}

// The object in these bytes; BundleError, naming the file, where they hold anything else.
export function parseObject(bytes, file) {
  if (bytes.filter((byte) => byte === 0x2c || byte === 0x5b || byte === 0x7b).length > MOST_VALUES) // , [ {
    throw new BundleError(`${file} has more than ${MOST_VALUES} values`);
  let text, value;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new BundleError(`${file} is not readable JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BundleError(`${file}: expected one JSON object`);
  refuseRepeatedKeys(text, file);
  refuseOddValues(value, file);
  noteFractions(value, JSON.parse(withoutFractions(text, file)));
  return value;
}

// JSON.parse does not tell 1 from 1.0: the same text with null in place of each number with a fraction or an exponent.
function withoutFractions(text, file) {
  return text.replace(TEXT_OR_NUMBER, (token) => {
    if (token[0] === '"') return token;
    if (/[.eE]/.test(token)) return 'null';
    if (token.length > MOST_DIGITS || /^-?9007199254740993$/.test(token) || Math.abs(Number(token)) > MOST_WHOLE)
      throw new BundleError(`${file} has a whole number beyond 2^53, which JSON readers take differently`);
    return token;
  });
}

function noteFractions(value, whole) {
  const pending = [[value, whole]];
  while (pending.length) {
    const [object, twin] = pending.pop();
    const keys = Object.keys(object);
    const written = keys.filter((key) => typeof object[key] === 'number' && twin[key] === null);
    if (written.length) fractions.set(object, new Set(written));
    for (const key of keys) if (typeof object[key] === 'object' && object[key] !== null) pending.push([object[key], twin[key]]);
  }
}

// JSON.parse keeps the last of two equal keys. In valid JSON a text before a colon is a key.
function refuseRepeatedKeys(text, file) {
  const open = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:[ \t\r\n]*:)?|[{}]/gs)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token.endsWith(':')) {
      const keys = open.at(-1);
      const key = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1));
      if (keys.has(key)) throw new BundleError(`${file} has a key twice`);
      keys.add(key);
    }
  }
}

// Numbers beyond float64 become Infinity in JSON.parse; half of a surrogate pair is no text.
function refuseOddValues(value, file) {
  const pending = [value];
  while (pending.length) {
    const next = pending.pop();
    if (typeof next === 'number' && !Number.isFinite(next))
      throw new BundleError(`${file} holds a number that is beyond 64-bit floats`);
    if (typeof next === 'string' && /\p{Surrogate}/u.test(next)) throw new BundleError(`${file} is not readable JSON`);
    if (typeof next === 'object' && next !== null) {
      if (!Array.isArray(next)) for (const key of Object.keys(next)) pending.push(key);
      for (const inner of Object.values(next)) pending.push(inner);
    }
  }
}

// What a reader checks in an ONNX file before an engine loads it (FORMAT.md, sections 3 and 4), without a protobuf package.
import { BundleError } from './errors.js';
import { LENGTH, MOST_FIELDS, ProtobufError, readFields, VARINT } from './protobuf.js';

const MOST_OPSET = 20;
const MOST_DEPTH = 32;
const MOST_NODES = 20_000;
const MOST_TEXT = 1 << 20;
const UNBOUNDED = new Set(['Loop', 'Scan']);
const ELEMENT_TYPES = { 1: 'float32', 2: 'uint8' };

// For each kind of message, the fields that hold further messages worth visiting. The numbers are onnx.proto's.
const CHILDREN = {
  model: { 7: 'graph', 8: 'opset', 14: 'property', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'input', 12: 'output', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 9: 'opset', 11: 'attribute' },
};

// {inputs, outputs, properties}; inputs and outputs of the main graph as {name, type, shape}, null for a free axis.
export function inspectGraph(file, bytes) {
  try {
    return facts(file, bytes);
  } catch (problem) {
    if (!(problem instanceof ProtobufError)) throw problem;
    throw new BundleError(`${file} is not an ONNX file (${problem.message})`);
  }
}

// BundleError unless the inputs or outputs are exactly these: {name: [type, shape]}.
export function checkPorts(file, side, found, expected) {
  const text = (name, type, shape) => `${name} ${type} (${shape.map((axis) => axis ?? 'N').join(', ')})`;
  const got = found.map(({ name, type, shape }) => text(name, type, shape)).sort();
  const wanted = Object.entries(expected).map(([name, [type, shape]]) => text(name, type, shape)).sort();
  if (JSON.stringify(got) !== JSON.stringify(wanted))
    throw new BundleError(`${file}: expected ${side} ${wanted.join(' and ')}, got ${got.join(' and ').slice(0, 200)}`);
}

function facts(file, bytes) {
  const found = { inputs: [], outputs: [], properties: {} };
  const pending = [{ kind: 'model', start: 0, end: bytes.length, depth: 0 }];
  let left = MOST_FIELDS;
  let nodes = 0;
  let opset = 0;
  while (pending.length) {
    const { kind, start, end, depth } = pending.pop();
    if (depth > MOST_DEPTH) throw new ProtobufError('nested too deeply');
    const fields = readFields(bytes, start, end, left);
    if (fields === null) throw new BundleError(`${file} has more than ${MOST_FIELDS} protobuf fields`);
    left -= fields.length;
    if (kind === 'tensor' && fields.some((f) => f.number === 13 || (f.number === 14 && f.value !== 0)))
      throw new BundleError(`${file} keeps weights in another file (external data), which a bundle never does`);
    if (kind === 'node') {
      nodes += 1;
      refuseOperator(file, textOf(bytes, fields, 4), textOf(bytes, fields, 7));
    }
    if (kind === 'opset' && standard(textOf(bytes, fields, 1)))
      opset = Math.max(opset, ...fields.filter((f) => f.number === 2).map((f) => f.value));
    if (kind === 'property') found.properties[textOf(bytes, fields, 1)] = textOf(bytes, fields, 2);
    if (depth === 2 && (kind === 'input' || kind === 'output')) found[`${kind}s`].push(portOf(bytes, fields));
    const below = CHILDREN[kind] ?? {};
    for (const f of fields) {
      if (!(f.number in below)) continue;
      if (f.wire !== LENGTH) throw new ProtobufError(`field ${f.number} of ${kind} is not a message`);
      pending.push({ kind: below[f.number], start: f.start, end: f.end, depth: depth + 1 });
    }
  }
  if (nodes === 0 || opset < 1 || opset > MOST_OPSET)
    throw new BundleError(`${file} has no operators, or an opset outside 1 to ${MOST_OPSET}`);
  if (nodes > MOST_NODES) throw new BundleError(`${file} has more than ${MOST_NODES} nodes`);
  return found;
}

const standard = (domain) => domain === '' || domain === 'ai.onnx';

function refuseOperator(file, operator, domain) {
  if (!standard(domain)) throw new BundleError(`${file} uses an operator outside standard ONNX, which a bundle never does`);
  if (UNBOUNDED.has(operator)) throw new BundleError(`${file} uses ${operator}, and a bundle holds no operators that iterate`);
}

// The text field of this number, '' where there is none; the last one counts.
function textOf(bytes, fields, number) {
  const field = fields.findLast((f) => f.number === number && f.wire === LENGTH);
  if (!field) return '';
  if (field.end - field.start > MOST_TEXT) throw new ProtobufError(`a text of more than ${MOST_TEXT} bytes`);
  return new TextDecoder().decode(bytes.subarray(field.start, field.end));
}

// A ValueInfo: name (1), type (2) with tensor_type (1) of elem_type (1) and shape (2) of dim (1) with dim_value (1).
function portOf(bytes, fields) {
  const inside = (outer, number) => {
    const field = outer.findLast((f) => f.number === number && f.wire === LENGTH);
    return field ? (readFields(bytes, field.start, field.end, MOST_FIELDS) ?? []) : [];
  };
  const tensor = inside(inside(fields, 2), 1);
  const axes = inside(tensor, 2).filter((f) => f.number === 1 && f.wire === LENGTH);
  const shape = axes.map((axis) => {
    const size = readFields(bytes, axis.start, axis.end, MOST_FIELDS)?.findLast((f) => f.number === 1 && f.wire === VARINT);
    return size ? size.value : null;
  });
  const element = tensor.findLast((f) => f.number === 1 && f.wire === VARINT)?.value;
  return { name: textOf(bytes, fields, 1), type: ELEMENT_TYPES[element] ?? `type ${element}`, shape };
}

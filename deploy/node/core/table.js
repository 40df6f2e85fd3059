// calibration.json: the thresholds for an enrollment, by its number of images and the conditions that it shows.
import { BundleError } from './errors.js';
import { isWhole, parseObject } from './json.js';

export const CALIBRATION = 'calibration.json';
const BEYOND = 1e6; // no number of the file lies beyond
const MOST_IMAGES = 1024;
const MOST_CONDITIONS = 64;

function need(good, what) {
  if (!good) throw new BundleError(`${CALIBRATION} ${what}: export the bundle again`);
}

const isNumber = (value, least = -BEYOND, most = BEYOND) => typeof value === 'number' && value >= least && value <= most;
const areNumbers = (values, count) => Array.isArray(values) && values.length === count && values.every((value) => isNumber(value));
const rises = (values) => values.every((value, n) => n === 0 || value > values[n - 1]);

function fields(value, keys, where) {
  const names = typeof value === 'object' && value !== null ? Object.keys(value).sort().join(' ') : '';
  need(names === keys, `${where}: expected the keys ${keys}`);
  return value;
}

function items(value, where, most, least = 1) {
  need(Array.isArray(value) && value.length >= least && value.length <= most, `${where}: expected ${least} to ${most} items`);
  return value;
}

/** The table in these bytes, checked; BundleError where it breaks the format. */
export function readTable(bytes, embeddingSize) {
  const table = fields(parseObject(bytes, CALIBRATION), 'comparisons conditions identities rows', 'as a whole');
  need(isWhole(table, 'identities', 1) && isWhole(table, 'comparisons', 1), 'identities, comparisons: expected whole numbers');
  for (const row of items(table.rows, 'rows', MOST_IMAGES)) checkRow(row);
  const targets = table.rows.map((row) => row.points.map((point) => point.far_target));
  need(
    rises(table.rows.map((row) => row.images)) && rises(targets[0]) && targets.every((one) => one.join() === targets[0].join()),
    'rows: expected rising images with the same rising FARs',
  );
  for (const one of items(table.conditions, 'conditions', MOST_CONDITIONS, 0)) checkCondition(one, table.rows, embeddingSize);
  return table;
}

function checkRow(row) {
  fields(row, 'calibration_error images points shift slope', 'rows');
  need(isWhole(row, 'images', 1, MOST_IMAGES) && isNumber(row.slope, 0) && isNumber(row.shift), 'rows: expected numbers');
  need(isNumber(row.calibration_error, 0, 1), 'rows.calibration_error: expected a number from 0 to 1');
  for (const point of items(row.points, 'rows.points', MOST_IMAGES)) {
    fields(point, 'far_low95 far_target far_upper95 frr threshold', 'rows.points');
    const { threshold, ...rates } = point;
    need(isNumber(threshold, -1, 2) && Object.values(rates).every((rate) => isNumber(rate, 0, 1)), 'rows.points: expected rates');
  }
}

function checkCondition(condition, rows, size) {
  const { name, mean, direction, rows: own } = fields(condition, 'direction mean name rows', 'conditions');
  need(typeof name === 'string' && name.trim() !== '' && name.length <= 200, 'conditions.name: expected a text');
  need(areNumbers(mean, size) && areNumbers(direction, size), 'conditions: expected vectors of the embedding size');
  items(own, 'conditions.rows', rows.length, rows.length).forEach((row, n) => {
    fields(row, 'above frr images limit', 'conditions.rows');
    const count = rows[n].points.length;
    need(row.images === rows[n].images && isNumber(row.limit), 'conditions.rows: expected the images of rows, and limits');
    need(areNumbers(row.above, count) && areNumbers(row.frr, count), 'conditions.rows: expected a number a point');
  });
}

/** The numbers of a checked table in the order of ext/enrollment.h. */
export function flatTable({ rows, conditions }) {
  const point = ({ threshold, far_low95: low, far_upper95: high, frr }) => [threshold, low, high, frr];
  const row = ({ images, slope, shift, calibration_error: error, points }) => [images, slope, shift, error, ...points.flatMap(point)];
  const limits = ({ limit, above, frr }) => [limit, ...above.flatMap((value, k) => [value, frr[k]])];
  const condition = ({ mean, direction, rows: own }) => [...mean, ...direction, ...own.flatMap(limits)];
  return Float64Array.from([...rows[0].points.map(({ far_target: target }) => target), ...rows.flatMap(row), ...conditions.flatMap(condition)]);
}

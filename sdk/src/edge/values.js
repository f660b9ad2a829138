/**
 * Read the values of a condition document. Every reader takes (what the document says, where it says it) and
 * returns the checked value or throws `InvalidCondition` with that place.
 */

import { instantMs } from "./dates.js";
import { InvalidCondition } from "./errors.js";
import { orderOf } from "./operators.js";
import { parsePattern } from "./patterns.js";
import { lengthOf } from "./texts.js";
import { versionOf } from "./versions.js";

const MAX_TEXT = 1024; // characters
const MAX_LIST = 1000;
const MAX_WINDOW_MS = 5 * 366 * 86_400_000;
const MAX_KM = 20_100; // More than half of the way around the Earth: everywhere.

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^([0-9]{1,15})(ms|[smhdw])$/;
const UNSTORABLE = /[\0\ud800-\udfff]/u; // With `u` a surrogate in its pair is none.

const PRESENCE = ["is_set", "is_missing"];
const ORDERED = ["gt", "gte", "lt", "lte", "between"];
const FILTERS = ["eq", "ne", "in", "contains", "starts_with", "ends_with", ...ORDERED, ...PRESENCE];
FILTERS.push("matches", "version_eq", "version_gt", "version_gte", "version_lt", "version_lte");
FILTERS.push("before", "after", "has_any", "has_all", "has_none");

export const CONTEXT_OPS = [...FILTERS, "within_km"];
export const TRAIT_OPS = [
  ...FILTERS,
  "within_last",
  "within_next",
  "anniversary_within",
  "changed_within",
];
export const MODEL_OPS = ["eq", "ne", "in", ...ORDERED, ...PRESENCE];

/** @param {string} path @param {string} name */
export const below = (path, name) => (path ? `${path}.${name}` : name);

/** @throws {InvalidCondition} unless it holds. */
export function expect(holds, path, problem) {
  if (!holds) throw new InvalidCondition(path, problem);
}

/** @returns {boolean} is it a JSON object? */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object, with every required field and none that is not known. */
export function fieldsOf(value, path, required, optional = []) {
  expect(isObject(value), path || "where", "expected an object");
  for (const name of Object.keys(value)) {
    expect(required.includes(name) || optional.includes(name), below(path, name), "unknown field");
  }
  for (const name of required) expect(Object.hasOwn(value, name), below(path, name), "is missing");
  return value;
}

export function listOf(value, path, least = 0, what = "value") {
  expect(Array.isArray(value), path, "expected a list");
  expect(value.length <= MAX_LIST, path, `expected at most ${MAX_LIST} entries`);
  expect(value.length >= least, path, `expected at least one ${what}`);
  return value;
}

function anyText(value, path) {
  expect(typeof value === "string", path, "expected a text");
  expect(lengthOf(value) <= MAX_TEXT, path, `expected at most ${MAX_TEXT} characters`);
  expect(!UNSTORABLE.test(value), path, "expected a text without NUL or lone surrogates");
  return value;
}

export function text(value, path) {
  expect(value !== "", path, "expected a text that is not empty");
  return anyText(value, path);
}

export function number(value, path, least = -Infinity, most = Infinity) {
  expect(typeof value === "number", path, "expected a number");
  expect(Number.isFinite(value), path, "expected a finite number");
  expect(least <= value && value <= most, path, `expected a number from ${least} to ${most}`);
  return value;
}

export function wholeNumber(value, path, least, most) {
  const holds = Number.isInteger(value) && least <= value && value <= most;
  expect(holds, path, `expected a whole number from ${least} to ${most}`);
  return value;
}

export function flag(value, path) {
  expect(typeof value === "boolean", path, "expected true or false");
  return value;
}

function scalar(value, path) {
  return typeof value === "boolean" ? value : numberOrText(value, path);
}

export function numberOrText(value, path) {
  return typeof value === "string" ? anyText(value, path) : number(value, path);
}

/** @returns {number} the milliseconds of "10m": a whole number and one of ms s m h d w. */
function duration(value, path) {
  const parts = typeof value === "string" ? DURATION.exec(value) : null;
  expect(parts, path, 'expected a duration such as "10m" (ms s m h d w)');
  const ms = Number(parts[1]) * UNITS_MS[parts[2]];
  expect(ms <= MAX_WINDOW_MS, path, "expected at most 5 years");
  return ms;
}

export function positiveDuration(value, path) {
  const ms = duration(value, path);
  expect(ms > 0, path, "expected more than zero");
  return ms;
}

/**
 * Read `op` and `value` of a leaf.
 *
 * @param {object} fields
 * @param {string} path
 * @param {string[]} allowed operators.
 * @param {(value: unknown, path: string) => unknown} [read] reads one value where only one type makes sense.
 * @returns {[string, any]} null as the value of `is_set` and `is_missing`.
 */
export function comparison(fields, path, allowed, read) {
  const { op } = fields;
  expect(allowed.includes(op), below(path, "op"), `expected one of ${allowed.join(", ")}`);
  const at = below(path, "value");
  if (PRESENCE.includes(op)) {
    expect(!Object.hasOwn(fields, "value"), at, `${op} takes no value`);
    return [op, null];
  }
  expect(Object.hasOwn(fields, "value"), at, "expected a value");
  const own = SPECIAL.get(op);
  return [op, own ? own(fields.value, at, read) : (read ?? scalar)(fields.value, at)];
}

function some(value, path, read = scalar) {
  return listOf(value, path, 1).map((item, i) => read(item, `${path}[${i}]`));
}

function bounds(value, path, read = numberOrText) {
  expect(listOf(value, path).length === 2, path, "expected two values, [least, most]");
  const [low, high] = value.map((item, i) => read(item, `${path}[${i}]`));
  const order = orderOf(low, high);
  expect(order !== null, path, "expected two numbers or two texts");
  expect(order <= 0, path, "expected the smaller value first");
  return [low, high];
}

function pattern(value, path) {
  text(value, path);
  try {
    parsePattern(value);
  } catch (problem) {
    throw new InvalidCondition(path, problem.message);
  }
  return value;
}

function version(value, path) {
  expect(versionOf(text(value, path)), path, 'expected a version such as "2.10" (one to four numbers)');
  return value;
}

function instant(value, path) {
  const problem = 'expected a date ("2026-02-28") or an instant ("2026-02-28T10:00:00Z") that exists';
  expect(instantMs(value) !== null, path, problem);
  return value;
}

function circle(value, path) {
  expect(listOf(value, path).length === 3, path, "expected [latitude, longitude, km]");
  const limits = [[-90, 90], [-180, 180], [0, MAX_KM]];
  limits.forEach(([least, most], i) => number(value[i], `${path}[${i}]`, least, most));
  expect(value[2] > 0, `${path}[2]`, "expected more than zero");
  return value;
}

function contained(value, path) {
  expect(value !== "", path, "expected a text that is not empty");
  return scalar(value, path);
}

/** The operators whose value has a form of its own. */
const SPECIAL = new Map([
  ["in", some],
  ["between", bounds],
  ["contains", contained],
  ["starts_with", text],
  ["ends_with", text],
  ["matches", pattern],
  ["before", instant],
  ["after", instant],
  ["within_km", circle],
  ["anniversary_within", duration], // Zero asks for the day itself.
]);
for (const op of ["gt", "gte", "lt", "lte"]) {
  SPECIAL.set(op, (value, path, read = numberOrText) => read(value, path));
}
for (const op of ["within_last", "within_next", "changed_within"]) SPECIAL.set(op, positiveDuration);
for (const op of ["has_any", "has_all", "has_none"]) SPECIAL.set(op, (value, path) => some(value, path));
for (const op of FILTERS) if (op.startsWith("version_")) SPECIAL.set(op, version);

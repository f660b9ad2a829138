/**
 * Comparison of a found value with the editor's: true, false, or null for unknown.
 *
 * Numbers compare as doubles, texts by code point; a boolean is no number. `eq`, `ne` and `in` of different
 * types are known (no, yes, no). A missing value (null) is unknown to all but `is_set` and `is_missing`.
 */

import { instantMs } from "./dates.js";
import { createMatcher } from "./matching.js";
import { orderOfTexts } from "./texts.js";
import { orderOfVersions, versionOf } from "./versions.js";

const EARTH_KM = 6371.0088; // Mean radius.

const ORDERS = new Map([
  ["eq", (order) => order === 0],
  ["gt", (order) => order > 0],
  ["gte", (order) => order >= 0],
  ["lt", (order) => order < 0],
  ["lte", (order) => order <= 0],
]);

/** @returns {number | null} how two numbers or two texts are ordered; null for anything else. */
export function orderOf(a, b) {
  if (typeof a === "string" && typeof b === "string") return orderOfTexts(a, b);
  if (typeof a !== "number" || typeof b !== "number") return null;
  return a < b ? -1 : a > b ? 1 : 0; // Not a difference: of infinities it is no number.
}

/**
 * Equality is `===` between JSON scalars: types differ, 1 is 1.0, and 0 is -0.
 *
 * @type {Map<string, (value: any) => (found: any) => boolean | null>} operator -> a test of a found value
 *   that is not null. The value was checked.
 */
const TESTS = new Map([
  ["eq", (value) => (found) => found === value],
  ["ne", (value) => (found) => found !== value],
  ["in", (value) => (found) => value.includes(found)],
  ["between", between],
  ["contains", contains],
  ["starts_with", (value) => (found) => (typeof found === "string" ? found.startsWith(value) : null)],
  ["ends_with", (value) => (found) => (typeof found === "string" ? found.endsWith(value) : null)],
  ["matches", matches],
  ["has_any", members((value, held) => value.some((item) => held.includes(item)))],
  ["has_all", members((value, held) => value.every((item) => held.includes(item)))],
  ["has_none", members((value, held) => !value.some((item) => held.includes(item)))],
  ["before", moment((at, limit) => at < limit)],
  ["after", moment((at, limit) => at > limit)],
  ["within_km", withinKm],
]);
for (const [word, holds] of ORDERS) {
  TESTS.set(`version_${word}`, (value) => {
    const wanted = versionOf(value);
    return (found) => {
      const version = versionOf(found);
      return version && holds(orderOfVersions(version, wanted));
    };
  });
  if (word === "eq") continue;
  TESTS.set(word, (value) => (found) => {
    const order = orderOf(found, value);
    return order === null ? null : holds(order);
  });
}

/**
 * @param {string} op an operator that does not read the present instant.
 * @param {unknown} value checked for this operator.
 * @returns {(found: unknown) => boolean | null} the operator with its value; null stands for missing.
 */
export function tester(op, value) {
  if (op === "is_set") return (found) => found !== null;
  if (op === "is_missing") return (found) => found === null;
  const test = TESTS.get(op)(value);
  return (found) => (found === null ? null : test(found));
}

function between([least, most]) {
  return (found) => {
    const [low, high] = [orderOf(found, least), orderOf(found, most)];
    return low === null || high === null ? null : low >= 0 && high <= 0;
  };
}

function contains(value) {
  return (found) => {
    if (Array.isArray(found)) return found.includes(value);
    return typeof found === "string" && typeof value === "string" ? found.includes(value) : null;
  };
}

function matches(value) {
  const isFoundIn = createMatcher(value);
  return (found) => (typeof found === "string" ? isFoundIn(found) : null);
}

/** List operators take a scalar as a list of one. */
function members(holds) {
  return (value) => (found) => {
    if (typeof found === "object") return Array.isArray(found) ? holds(value, found) : null;
    return holds(value, [found]);
  };
}

function moment(holds) {
  return (value) => {
    const limit = instantMs(value);
    return (found) => {
      const at = instantMs(found);
      return at === null ? null : holds(at, limit);
    };
  };
}

/** Great-circle distance on a sphere, by the haversine formula, exact for near places too. */
function withinKm([latitude, longitude, km]) {
  const radians = (degrees) => (degrees * Math.PI) / 180;
  return (found) => {
    if (!Array.isArray(found) || found.length !== 2) return null;
    const [lat, lon] = found;
    if (typeof lat !== "number" || typeof lon !== "number") return null;
    if (!(Math.abs(lat) <= 90 && Math.abs(lon) <= 180)) return null;
    const [here, there, across] = [radians(latitude), radians(lat), radians(lon - longitude)];
    const half =
      Math.sin((there - here) / 2) ** 2 + Math.cos(here) * Math.cos(there) * Math.sin(across / 2) ** 2;
    return 2 * EARTH_KM * Math.asin(Math.sqrt(Math.min(1, half))) <= km;
  };
}

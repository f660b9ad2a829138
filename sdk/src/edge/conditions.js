/**
 * The condition language at the edge: the part that needs no history, answered where the page is.
 *
 * The twin of engine/conditions: the meaning is docs/conditions.md, and tests/vectors/conditions.json holds
 * both to it. Leaves that look at events are refused by name; a publication has them as hidden segments,
 * whose memberships are given.
 */

import { InvalidCondition } from "./errors.js";
import { LEAVES } from "./leaves.js";
import { below, expect, fieldsOf, isObject, listOf, wholeNumber } from "./values.js";

const MAX_DEPTH = 12;
const MAX_LEAVES = 200;

/** @typedef {import("./leaves.js").Facts} Facts */
/** @typedef {import("./leaves.js").Part} Part */
/** @typedef {import("./answers.js").Answer} Answer */

/**
 * @param {unknown} document `{"v": 1, "where": NODE}`.
 * @param {{settled?: Function, noted?: Function}} [way] how groups look at their parts: all at once, or as lazily.js.
 * @returns {(facts: Facts, nowMs: number) => {verdict: boolean | null, validUntilMs: number | null}} never
 *   throws. `verdict` null is unknown, which at the root means no. Before `validUntilMs` it cannot change
 *   unless something new happens (null: never).
 * @throws {InvalidCondition} an unknown field, kind, operator or type, a limit passed, or a need of history.
 */
export function compileCondition(document, { settled = atOnce, noted = (part) => part } = {}) {
  const fields = fieldsOf(document, "", ["v", "where"]);
  expect(fields.v === 1, "v", "expected 1");
  const part = compiled(fields.where, "", 1, { leaves: 0, settled, noted });
  return (facts, nowMs) => {
    const [verdict, until] = part(facts, nowMs);
    return { verdict, validUntilMs: until === Infinity ? null : until };
  };
}

export { InvalidCondition };

/** @returns {Part} a node as a function; `count` counts the leaves of the whole tree, and says how groups go. */
function compiled(node, path, depth, count) {
  return count.noted(made(node, path, depth, count), node);
}

function made(node, path, depth, count) {
  const where = path || "where";
  expect(depth <= MAX_DEPTH, where, `expected at most ${MAX_DEPTH} levels`);
  expect(isObject(node), where, "expected an object");
  if (Object.hasOwn(node, "kind")) {
    expect(++count.leaves <= MAX_LEAVES, where, `expected at most ${MAX_LEAVES} leaves`);
    const leaf = LEAVES.get(node.kind);
    expect(leaf, below(path, "kind"), `expected one of ${[...LEAVES.keys()].join(", ")}`);
    return leaf(node, path);
  }
  const names = Object.keys(node);
  expect(names.length === 1, where, "expected one group, or a leaf with a kind");
  const content = node[names[0]];
  const at = below(path, names[0]);
  const parts = (items, place, least) => {
    listOf(items, place, least, "condition");
    return items.map((item, i) => compiled(item, `${place}[${i}]`, depth + 1, count));
  };
  const { settled } = count;
  switch (names[0]) {
    case "all":
      return settled(parts(content, at, 0), false); // An empty `all` is the condition that everyone meets.
    case "any":
      return settled(parts(content, at, 1), true);
    case "none": {
      const group = settled(parts(content, at, 1), true);
      return negated(group, group.parts);
    }
    case "not": {
      const inner = compiled(content, at, depth + 1, count);
      return negated(inner, [inner]);
    }
    case "at_least": {
      const { k, of } = fieldsOf(content, at, ["k", "of"]);
      const chosen = parts(of, `${at}.of`, 1);
      return atLeast(wholeNumber(k, `${at}.k`, 1, chosen.length), chosen);
    }
  }
  throw new InvalidCondition(at, "unknown group (all, any, none, not, at_least)");
}

/**
 * Kleene's "and" (one false settles it) and "or" (one true does). A group holds while each part holds; where
 * one part settles it alone, while the last of those does.
 *
 * @returns {Part}
 */
function atOnce(parts, settles) {
  return (facts, nowMs) => {
    let [verdict, until, settledUntil] = [!settles, Infinity, -Infinity];
    for (const part of parts) {
      const [each, eachUntil] = part(facts, nowMs);
      if (each === settles) settledUntil = Math.max(settledUntil, eachUntil);
      else if (each === null) verdict = null;
      until = Math.min(until, eachUntil);
    }
    return settledUntil === -Infinity ? [verdict, until] : [settles, settledUntil];
  };
}

/** @type {(part: Part, parts: Part[] | undefined) => Part} */
function negated(part, parts) {
  const negation = (facts, nowMs) => {
    const [verdict, until] = part(facts, nowMs);
    return [verdict === null ? null : !verdict, until];
  };
  return Object.assign(negation, { parts });
}

/** @type {(k: number, parts: Part[]) => Part} */
function atLeast(k, parts) {
  const group = (facts, nowMs) => {
    const answers = parts.map((part) => part(facts, nowMs));
    const counted = (verdict) => answers.filter(([each]) => each === verdict).length;
    const until = Math.min(...answers.map(([, each]) => each));
    if (counted(true) >= k) return [true, until];
    return [counted(true) + counted(null) >= k ? null : false, until];
  };
  return Object.assign(group, { parts });
}

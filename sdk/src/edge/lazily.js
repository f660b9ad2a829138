/**
 * Groups that look at their parts one after the other, as engine/conditions/compile.py and fused.py do: plain
 * comparisons first, as one expression each of "surely true" and "surely false", then the cheapest.
 */

import { NO, UNKNOWN, YES } from "./answers.js";
import { TIMED } from "./timed.js";

/** @typedef {import("./leaves.js").Part} Part */

const PLAIN = ["trait", "context", "segment", "list", "consent", "relation", "model"];

/** Notes on a node's function what it costs, and, if it is plain, whether it is surely true or surely false. */
function costed(part, node) {
  if (node.kind) return costedLeaf(part, node);
  const [name] = Object.keys(node);
  const parts = part.parts;
  part.cost = 3 + parts.reduce((sum, { cost }) => sum + cost, 0);
  if (name === "at_least" || !parts.every(({ isTrue }) => isTrue)) return part;
  const every = (sure) => (facts, nowMs) => parts.every((each) => each[sure](facts, nowMs));
  const some = (sure) => (facts, nowMs) => parts.some((each) => each[sure](facts, nowMs));
  const [isTrue, isFalse] = {
    all: [every("isTrue"), some("isFalse")],
    any: [some("isTrue"), every("isFalse")],
    none: [every("isFalse"), some("isTrue")],
    not: [every("isFalse"), some("isTrue")],
  }[name];
  return Object.assign(surely(isTrue, isFalse), { cost: part.cost });
}

function costedLeaf(part, node) {
  part.cost = PLAIN.includes(node.kind) ? 1 : 2;
  const isPlain = node.kind === "trait" ? !TIMED.has(node.op) && !node.from : ["context", "segment"].includes(node.kind);
  if (isPlain) {
    part.isTrue = (facts, nowMs) => part(facts, nowMs)[0] === true;
    part.isFalse = (facts, nowMs) => part(facts, nowMs)[0] === false;
  }
  return part;
}

/** @returns {Part} of what is surely true and surely false; neither: unknown. */
function surely(isTrue, isFalse) {
  const part = (facts, nowMs) => (isTrue(facts, nowMs) ? YES : isFalse(facts, nowMs) ? NO : UNKNOWN);
  return Object.assign(part, { isTrue, isFalse });
}

/** A group that one part with the verdict `settles` settles, for as long as that part stays so. @returns {Part} */
function inTurn(parts, settles) {
  const plain = parts.filter(({ isTrue }) => isTrue);
  const rest = parts.filter(({ isTrue }) => !isTrue).sort((a, b) => a.cost - b.cost);
  const [one, other] = settles ? ["isTrue", "isFalse"] : ["isFalse", "isTrue"];
  const settled = (facts, nowMs) => plain.some((part) => part[one](facts, nowMs));
  const unsettled = (facts, nowMs) => plain.every((part) => part[other](facts, nowMs));
  const fused = settles ? surely(settled, unsettled) : surely(unsettled, settled);
  const group = (facts, nowMs) => {
    let [verdict, until] = [!settles, Infinity];
    for (const part of plain.length ? [fused, ...rest] : rest) {
      const answer = part(facts, nowMs);
      if (answer[0] === settles) return answer;
      if (answer[0] === null) verdict = null;
      until = Math.min(until, answer[1]);
    }
    return [verdict, until];
  };
  return Object.assign(group, { parts });
}

/** A way for `compileCondition`: `validUntilMs` may be an earlier instant, and only what the server reads is read. */
export const LAZILY = { settled: inTurn, noted: costed };

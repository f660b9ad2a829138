/** Leaves that need no history: traits, facts of the request, memberships, shares, models. */

import { NO, YES, lasting } from "./answers.js";
import { bucketOf } from "./bucketing.js";
import { tester } from "./operators.js";
import { TIMED } from "./timed.js";
import {
  CONTEXT_OPS,
  MODEL_OPS,
  TRAIT_OPS,
  below,
  comparison,
  expect,
  fieldsOf,
  flag,
  number,
  numberOrText,
  positiveDuration,
  text,
} from "./values.js";

/**
 * Where a trait's value came from; times in ms. What is absent or null is not known.
 *
 * @typedef {{observed_ms?: number, changed_ms?: number, source?: string, confidence?: number}} TraitMeta
 */

/**
 * What conditions may be asked about one visitor. An absent name and null are the same: missing.
 *
 * @typedef {object} Facts
 * @property {Record<string, unknown>} [traits] name -> JSON value.
 * @property {Record<string, TraitMeta>} [trait_meta]
 * @property {Record<string, boolean>} [memberships] segment key -> is a member now, hidden segments too.
 * @property {Record<string, unknown>} [context] facts of the request by dotted name ("page.url").
 * @property {Record<string, boolean>} [consents] purpose -> the recorded choice.
 * @property {string} [unit_id] the bucketing key.
 */

/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {(facts: Facts, nowMs: number) => Answer} Part */

const PURPOSES = ["necessary", "functional", "analytics", "personalization", "advertising", "sale"];
const COMPUTED = "computed."; // Traits of this name stand for an event aggregate.
const NEEDS_HISTORY = "needs history: answered as a hidden segment";

/**
 * What a mapping has under a name of its own, so that "constructor" is nobody's trait; else null. One with a
 * `get` of its own works facts out when they are asked for.
 */
function found(mapping, name) {
  if (typeof mapping?.get === "function") return mapping.get(name) ?? null;
  return mapping && Object.hasOwn(mapping, name) ? (mapping[name] ?? null) : null;
}

/** @type {(document: object, path: string) => Part} */
function trait(document, path) {
  const fields = fieldsOf(document, path, ["kind", "name", "op"], ["value", "from"]);
  const name = text(fields.name, below(path, "name"));
  expect(!name.startsWith(COMPUTED), below(path, "name"), `"${name}" ${NEEDS_HISTORY}`);
  const [op, value] = comparison(fields, path, TRAIT_OPS);
  const isAccepted = Object.hasOwn(fields, "from") ? origin(fields.from, below(path, "from")) : () => true;
  const timed = TIMED.get(op);
  const test = timed ? null : tester(op, value);
  return (facts, nowMs) => {
    const meta = found(facts.trait_meta, name);
    const known = isAccepted(meta) ? found(facts.traits, name) : null;
    return timed ? timed(known, meta, value, nowMs) : lasting(test(known));
  };
}

/** @returns {(meta: TraitMeta | null) => boolean} does a value of this origin count? */
function origin(document, path) {
  const fields = fieldsOf(document, path, [], ["source", "min_confidence"]);
  const [bySource, byConfidence] = ["source", "min_confidence"].map((name) => Object.hasOwn(fields, name));
  expect(bySource || byConfidence, path, "expected `source`, `min_confidence` or both");
  const { source, min_confidence: least } = fields;
  if (bySource) text(source, below(path, "source"));
  if (byConfidence) number(least, below(path, "min_confidence"), 0, 1);
  return (meta) => {
    if (meta === null || (bySource && meta.source !== source)) return false;
    return !byConfidence || (typeof meta.confidence === "number" && meta.confidence >= least);
  };
}

/** @type {(document: object, path: string) => Part} */
function context(document, path) {
  const fields = fieldsOf(document, path, ["kind", "name", "op"], ["value"]);
  const name = text(fields.name, below(path, "name"));
  const test = tester(...comparison(fields, path, CONTEXT_OPS));
  return (facts) => lasting(test(found(facts.context, name)));
}

/** @type {(document: object, path: string) => Part} */
function segment(document, path) {
  const key = text(fieldsOf(document, path, ["kind", "key"]).key, below(path, "key"));
  return (facts) => (found(facts.memberships, key) === true ? YES : NO);
}

/** @type {(document: object, path: string) => Part} */
function list(document, path) {
  const name = `list.${text(fieldsOf(document, path, ["kind", "key"]).key, below(path, "key"))}`;
  return (facts, nowMs) => {
    const entry = found(facts.traits, name);
    if (entry === true) return YES;
    if (typeof entry !== "number" || entry <= nowMs) return NO;
    return [true, entry < 2 ** 62 ? Math.ceil(entry) : Infinity];
  };
}

/** @type {(document: object, path: string) => Part} */
function percent(document, path) {
  const fields = fieldsOf(document, path, ["kind", "seed", "from", "to"]);
  const seed = text(fields.seed, below(path, "seed"));
  const start = number(fields.from, below(path, "from"), 0, 100);
  const end = number(fields.to, below(path, "to"), 0, 100);
  expect(start < end, below(path, "to"), "expected more than `from`, at most 100");
  return (facts) => {
    const position = bucketOf(facts.unit_id ?? "", seed) / 100;
    return start <= position && position < end ? YES : NO;
  };
}

/** @type {(document: object, path: string) => Part} */
function model(document, path) {
  const fields = fieldsOf(document, path, ["kind", "name", "op"], ["value", "max_age", "fallback"]);
  const name = `score.${text(fields.name, below(path, "name"))}`;
  const [op, value] = comparison(fields, path, MODEL_OPS, numberOrText);
  const isOrder = !["eq", "ne", "in"].includes(op);
  const first = Array.isArray(value) ? value[0] : value;
  expect(!isOrder || typeof first !== "string", below(path, "value"), "expected a number");
  const has = (field) => Object.hasOwn(fields, field);
  const maxAge = has("max_age") ? positiveDuration(fields.max_age, below(path, "max_age")) : null;
  if (has("fallback")) {
    expect(value !== null, below(path, "fallback"), `${op} is known without it`);
    flag(fields.fallback, below(path, "fallback"));
  }
  const test = tester(op, value);
  const absent = value === null ? test(null) : (fields.fallback ?? null);
  return (facts, nowMs) => {
    const score = found(facts.traits, name);
    const staleAt = maxAge === null ? Infinity : staleAfter(found(facts.trait_meta, name), maxAge);
    if (score === null || staleAt <= nowMs) return lasting(absent);
    const verdict = test(score);
    return [verdict, verdict === absent ? Infinity : staleAt];
  };
}

/** The instant from which a score counts no more; one of unknown time never did. */
function staleAfter(meta, maxAge) {
  const observed = meta?.observed_ms ?? null;
  return observed === null ? -Infinity : observed + maxAge;
}

/** @type {(document: object, path: string) => Part} */
function consent(document, path) {
  const { purpose } = fieldsOf(document, path, ["kind", "purpose"]);
  expect(PURPOSES.includes(purpose), below(path, "purpose"), `expected one of ${PURPOSES.join(", ")}`);
  if (purpose === "necessary") return () => YES;
  return (facts) => lasting(found(facts.consents, purpose));
}

/** @type {(document: object, path: string) => Part} */
function relation(document, path) {
  const fields = fieldsOf(document, path, ["kind", "type"], ["to"]);
  const name = `edge.${text(fields.type, below(path, "type"))}`;
  const isAny = !Object.hasOwn(fields, "to");
  const to = isAny ? null : text(fields.to, below(path, "to"));
  return (facts) => {
    const known = found(facts.traits, name);
    const targets = Array.isArray(known) ? known : known === null ? [] : [known];
    return (isAny ? targets.length > 0 : targets.includes(to)) ? YES : NO;
  };
}

/** @type {(document: object, path: string) => never} */
function needsHistory(document, path) {
  expect(false, below(path, "kind"), `"${document.kind}" ${NEEDS_HISTORY}`);
}

/** @type {Map<string, (document: object, path: string) => Part>} */
export const LEAVES = new Map([
  ["trait", trait],
  ["context", context],
  ["segment", segment],
  ["list", list],
  ["percent", percent],
  ["model", model],
  ["consent", consent],
  ["relation", relation],
]);
for (const kind of ["event", "sequence", "absence", "dwell", "score", "exposure", "experiment"]) {
  LEAVES.set(kind, needsHistory);
}

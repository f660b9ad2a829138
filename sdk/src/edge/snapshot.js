/** From the document of a publication to the form that decides: the twin of engine/compiling.py. */

import { rangesOf } from "./allocation.js";
import { changed } from "./changing.js";
import { compileCondition } from "./conditions.js";
import { LAZILY } from "./lazily.js";
import { orderOfTexts } from "./texts.js";

/** @typedef {import("./capping.js").Cap} Cap */
/** @typedef {(facts: object, nowMs: number) => {verdict: boolean | null, validUntilMs: number | null}} Condition */
/** @typedef {{key: string, version: number, doc: object, startsAtMs: number | null, endsAtMs: number | null}} Variant */
/** @typedef {{number: number, key: string, depth: number, noProfile: boolean, request: Condition | null}} Segment */
/**
 * @typedef {object} Experiment
 * @property {string} key
 * @property {string} seed
 * @property {{key: string, weight: number, variant: Variant, caps: Cap[], isDefault: boolean}[]} arms
 * @property {import("./allocation.js").Range[]} ranges (one with shares by segment stays on the server).
 * @property {import("./allocation.js").Layer | null} layer
 * @property {Condition | null} condition
 */
/**
 * @typedef {object} Rule
 * @property {string} key
 * @property {number} priority
 * @property {Condition} condition
 * @property {Variant | null} variant
 * @property {Experiment | null} experiment
 * @property {Cap[]} caps
 * @property {number | null} startsAtMs
 * @property {number | null} endsAtMs
 */
/**
 * @typedef {object} Place a placement, or a flag that none shows.
 * @property {string} key
 * @property {boolean} isEnabled
 * @property {{key: string, doc: object, variants: Map<string, Variant>, default: Variant}} block
 * @property {Rule[]} rules by priority, the greatest first, then by key.
 * @property {Experiment | null} experiment its own, after the rules.
 * @property {{experiment: Experiment, places: (Place | null)[]} | null} choice the experiment by change: by which
 *   form of the place each arm decides; null: that arm is stopped.
 * @property {{segment: Segment, variant: Variant, caps: Cap[]}[]} tagged the most specific segment first.
 */
/**
 * @typedef {object} Snapshot
 * @property {number} number
 * @property {Map<string, Place>} places
 * @property {Map<string, Segment>} segments
 * @property {{key: string, seed: string, share: number, placements?: string[]}[]} holdouts
 */

/** A publication that names what it does not hold. */
export class InvalidSnapshot extends Error {}

/**
 * @param {object} doc the fields of `SnapshotDoc` (engine/snapshot.py).
 * @returns {Snapshot}
 * @throws {InvalidSnapshot | import("./errors.js").InvalidCondition}
 */
export function compileSnapshot(doc) {
  const segments = keyed((doc.segments ?? []).map(segmentOf));
  const byNumber = new Map([...segments.values()].map((segment) => [segment.number, segment]));
  const blocks = keyed((doc.blocks ?? []).map((block) => blockOf(block, byNumber)));
  const docs = [...(doc.placements ?? [])];
  const named = new Set(docs.map(({ key }) => key));
  for (const block of doc.blocks ?? []) {
    if (block.kind === "flag" && !named.has(block.key)) docs.push({ key: block.key, block: block.key });
  }
  const caps = new Map((doc.caps ?? []).map((cap) => [cap.number, cap]));
  const places = keyed(docs.map((place) => placeOf(place, get(blocks, place.block), caps)));
  const byRule = new Map();
  for (const experiment of doc.experiments ?? []) {
    const compiled = experimentOf(experiment, get(places, experiment.placement));
    if (experiment.enabled === false) continue;
    if (experiment.by_change) get(places, experiment.placement).choice = { experiment: compiled, doc: experiment, places: [] };
    else if (experiment.by_rule) byRule.set(experiment.key, compiled);
    else get(places, experiment.placement).experiment = compiled;
  }
  const docsOf = new Map();
  for (const rule of doc.rules ?? []) {
    const place = get(places, rule.placement);
    docsOf.set(place.key, [...(docsOf.get(place.key) ?? []), rule]);
    addRule(place, rule, byRule, caps);
  }
  for (const place of places.values()) {
    inOrder(place);
    if (!place.choice) continue;
    place.choice.places = place.choice.doc.arms.map(({ changes, stopped }) => {
      if (stopped || !changes) return stopped ? null : place;
      const { rules, block } = changed(docsOf.get(place.key) ?? [], place.block.doc, changes, segments);
      const form = placeOf(place.doc, blockOf(block, byNumber), caps);
      for (const rule of rules) addRule(form, rule, byRule, caps);
      return inOrder(form);
    });
  }
  return { number: doc.number, places, segments, holdouts: doc.holdouts ?? [] };
}

function addRule(place, rule, byRule, caps) {
  const compiled = ruleOf(rule, place, byRule, caps);
  // A rule whose experiment has ended serves nothing.
  if (rule.enabled !== false && (compiled.variant || compiled.experiment)) place.rules.push(compiled);
}

/** @param {Place} place */
function inOrder(place) {
  place.rules.sort((a, b) => b.priority - a.priority || orderOfTexts(a.key, b.key));
  return place;
}

// As the server reads it, part by part: what is not looked at makes nothing stale.
const conditionOf = (document) => compileCondition(document, LAZILY);

/** @returns {Segment} */
function segmentOf({ number, key, depth = 0, no_profile: noProfile = false, request_condition: request = null }) {
  return { number, key, depth, noProfile, request: request && conditionOf(request) };
}

function blockOf(doc, segments) {
  const variants = keyed(
    doc.variants.map((item) => ({ key: item.key, version: item.version, doc: item, ...timesOf(item.key === doc.default ? {} : item) })),
  );
  const tagged = [...variants.values()].flatMap((variant) =>
    (variant.doc.segments ?? []).map((number) => ({ segment: get(segments, number), variant })),
  );
  const priority = ({ variant }) => variant.doc.priority ?? 0;
  // The sort is stable, so the editor's order decides last.
  tagged.sort((a, b) => b.segment.depth - a.segment.depth || priority(b) - priority(a));
  return { key: doc.key, doc, variants, default: get(variants, doc.default), tagged };
}

/** @returns {Place} */
function placeOf(doc, block, caps) {
  const place = { key: doc.key, doc, isEnabled: doc.enabled !== false, block, rules: [], experiment: null, choice: null };
  place.capsOf = (variant, more = []) => {
    if (variant === block.default) return []; // The default is never limited.
    const numbers = [variant.doc.caps, block.doc.caps, doc.caps, more].flatMap((some) => some ?? []);
    return [...new Set(numbers)].map((number) => get(caps, number));
  };
  place.tagged = block.tagged.map((pair) => ({ ...pair, caps: place.capsOf(pair.variant) }));
  return place;
}

/** @returns {Experiment} */
function experimentOf(doc, place) {
  const weights = doc.arms.map(({ weight }) => weight);
  return {
    key: doc.key,
    seed: doc.seed,
    arms: doc.arms.map(({ key, weight, variant: name }) => {
      if (doc.by_change) return { key, weight, variant: null, caps: [], isDefault: false };
      const variant = get(place.block.variants, name);
      const isDefault = variant === place.block.default;
      return { key, weight, variant, caps: place.capsOf(variant), isDefault };
    }),
    ranges: rangesOf(weights, doc.coverage ?? 1),
    layer: doc.layer ?? null,
    condition: doc.condition ? conditionOf(doc.condition) : null,
  };
}

/** @returns {Rule} */
function ruleOf(doc, place, byRule, caps) {
  const variant = doc.experiment ? null : get(place.block.variants, doc.variant);
  return {
    key: doc.key,
    priority: doc.priority ?? 0,
    condition: conditionOf(doc.condition),
    variant,
    experiment: (doc.experiment && byRule.get(doc.experiment)) || null,
    caps: variant ? place.capsOf(variant, doc.caps) : (doc.caps ?? []).map((number) => get(caps, number)),
    ...timesOf(doc),
  };
}

/** When it begins and ends, if ever. */
const timesOf = ({ starts_at_ms: startsAtMs = null, ends_at_ms: endsAtMs = null }) => ({ startsAtMs, endsAtMs });

function keyed(items) {
  const found = new Map(items.map((item) => [item.key, item]));
  if (found.size !== items.length) throw new InvalidSnapshot("a key is there twice");
  return found;
}

function get(items, key) {
  const found = items.get(key);
  if (found === undefined) throw new InvalidSnapshot(`'${key}' is named but not there`);
  return found;
}

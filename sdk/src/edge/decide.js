/**
 * What this visitor sees in one placement, now, and why: the twin of engine/decide.py and engine/members.py.
 *
 * Order: disabled, consent, holdout, the arm of an experiment by change (its form of the place decides from here
 * on), rules by priority (a rule serves a variant or runs an experiment), the placement's experiment, variants
 * tagged with the visitor's segments (the most specific first), default. A candidate whose caps are used up, or
 * which has not started or has ended, is skipped at its step.
 */

import { assign, positionOf } from "./allocation.js";
import { isAllowed } from "./capping.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */
/** @typedef {import("./snapshot.js").Place} Place */

/**
 * What is known of the visitor. What is absent is empty; `allowed`, `maySplit` and `known` are true.
 *
 * @typedef {object} Visitor
 * @property {string} unitId the bucketing key.
 * @property {Record<string, [boolean, number | null, boolean | null, number | null]>} [memberships] number of
 *   a segment -> inside, until (ms), then, then until.
 * @property {Record<string, unknown>} [traits]
 * @property {boolean} [allowed] personalization is consented to.
 * @property {boolean} [maySplit] experiments are consented to; false: nobody is dealt an arm.
 * @property {boolean} [known] there is a profile; without one each segment's verdict on nothing counts.
 * @property {Record<string, import("./leaves.js").TraitMeta>} [traitMeta]
 * @property {Record<string, boolean>} [consents]
 * @property {Record<string, number[]>} [shown] number of a cap -> when what draws on it was shown, ascending ms.
 * @property {number | null} [sessionSinceMs]
 */

/**
 * The answer for one placement. `variant` null: there is no such placement, see `code`.
 *
 * @typedef {object} Decision
 * @property {string} placement
 * @property {string | null} block
 * @property {string | null} variant
 * @property {number} version
 * @property {string} reason
 * @property {string | null} rule
 * @property {number | null} validUntilMs before it the answer changes only if something new happens; null: never.
 * @property {string | null} code
 * @property {boolean} isStale
 * @property {string | null} experiment
 * @property {string | null} arm
 * @property {number} probability
 * @property {number[]} caps numbers of what showing it draws on.
 */

/** Memberships as conditions ask for them. Remembers the earliest flip of what was read. */
class Members {
  constructor(snapshot, visitor, context, nowMs) {
    Object.assign(this, { snapshot, visitor, nowMs, untilMs: Infinity, isStale: false });
    this.facts = {
      traits: visitor.traits,
      trait_meta: visitor.traitMeta,
      memberships: this,
      context,
      consents: visitor.consents,
      unit_id: visitor.unitId,
    };
  }

  /** @param {string} key of a segment. */
  get(key) {
    const segment = this.snapshot.segments.get(key);
    return segment ? this.has(segment) : null;
  }

  flipsAt(momentMs) {
    if (momentMs !== null && momentMs < this.untilMs) this.untilMs = momentMs;
  }

  meets(condition) {
    try {
      const { verdict, validUntilMs } = condition(this.facts, this.nowMs);
      this.flipsAt(validUntilMs);
      return verdict === true;
    } catch {
      return false; // A fault of ours is no match, as on the server.
    }
  }

  has(segment) {
    if (segment.request) return this.meets(segment.request);
    if (this.visitor.known === false) return segment.noProfile;
    const stay = this.visitor.memberships?.[segment.number];
    if (!stay) return false;
    const [inside, untilMs, then, thenUntilMs] = stay;
    if (untilMs === null) return inside === true;
    if (this.nowMs < untilMs) {
      this.flipsAt(untilMs);
      return inside === true;
    }
    // The first stretch is over, though nobody has evaluated it since.
    if (then !== null && thenUntilMs === null) return then === true;
    if (then !== null && this.nowMs < thenUntilMs) {
      this.flipsAt(thenUntilMs);
      return then === true;
    }
    this.isStale = true;
    return false;
  }
}

/**
 * @param {Snapshot} snapshot
 * @param {string} key of the placement.
 * @param {Visitor} visitor
 * @param {object} context facts of the request by dotted name, or an object whose `get` works them out.
 * @param {number} nowMs
 * @returns {Decision} never throws on any visitor or request.
 */
export function decidePlacement(snapshot, key, visitor, context, nowMs) {
  return decideInTurn(snapshot, key, visitor, context, nowMs).next().value;
}

/**
 * The decision, and after it what to serve should its caps be refused. The last draws on none.
 *
 * @returns {Generator<Decision>}
 */
export function* decideInTurn(snapshot, key, visitor, context, nowMs) {
  let place = snapshot.places.get(key);
  if (!place) {
    const nothing = { placement: key, block: null, variant: null, version: 0, reason: "ERROR" };
    yield { ...nothing, ...UNTOLD, code: "placement_not_found" };
    return;
  }
  const members = new Members(snapshot, visitor, context, nowMs);
  const settled = settledBy(snapshot, place, visitor);
  if (settled) {
    yield decision(place, { variant: place.block.default, reason: settled }, members);
    return;
  }
  let dealt = {};
  if (place.choice) [place, dealt] = chosen(place, members);
  let isCapped = false;
  for (const found of candidates(place, members)) {
    members.flipsAt(found.variant.endsAtMs);
    const shownOf = ({ number }) => visitor.shown?.[number] ?? [];
    if (!found.caps.every((cap) => isAllowed(cap, shownOf(cap), nowMs, visitor.sessionSinceMs ?? null))) {
      isCapped = true;
      continue;
    }
    yield decision(place, { ...found, ...dealt }, members);
    if (!found.caps.length) return;
    isCapped = true; // Whoever asks on was refused it.
  }
  const reason = isCapped ? "CAPPED" : members.isStale ? "STALE" : "DEFAULT";
  yield decision(place, { variant: place.block.default, reason, ...dealt }, members);
}

const UNTOLD = {
  rule: null,
  validUntilMs: null,
  code: null,
  isStale: false,
  experiment: null,
  arm: null,
  probability: 1,
  caps: [],
};

/** @returns {Decision} */
function decision(place, { variant, caps = [], ...told }, members) {
  const { untilMs, isStale } = members;
  return {
    placement: place.key,
    block: place.block.key,
    variant: variant.key,
    version: variant.version,
    ...UNTOLD,
    ...told,
    validUntilMs: untilMs === Infinity ? null : untilMs,
    isStale,
    caps: caps.map(({ number }) => number),
  };
}

/** @returns {string | null} why the default is served whatever the visitor does, if so. */
function settledBy(snapshot, place, visitor) {
  if (!place.isEnabled) return "DISABLED";
  const purpose = place.block.doc.purpose ?? "personalization";
  if (visitor.allowed === false && purpose === "personalization") return "NO_CONSENT";
  const isAbout = ({ placements }) => !placements?.length || placements.includes(place.key);
  const isHeldOut = (one) => isAbout(one) && positionOf(visitor.unitId, one.seed) < one.share;
  return snapshot.holdouts.some(isHeldOut) ? "HOLDOUT" : null;
}

/** What each step would serve, in order; the default is not among it. */
function* candidates(place, members) {
  for (const rule of place.rules) {
    if (!isOn(rule, members) || !members.meets(rule.condition)) continue;
    members.flipsAt(rule.endsAtMs);
    if (!rule.variant) {
      yield* split(rule.experiment, members, rule);
    } else if (isOn(rule.variant, members)) {
      yield { variant: rule.variant, reason: "TARGETING_MATCH", caps: rule.caps, rule: rule.key };
    }
  }
  if (place.experiment) yield* split(place.experiment, members);
  for (const { segment, variant, caps } of place.tagged) {
    if (isOn(variant, members) && members.has(segment)) yield { variant, reason: "TARGETING_MATCH", caps };
  }
}

/** Has a rule or a variant begun, and not ended? */
function isOn({ startsAtMs, endsAtMs }, members) {
  const isEarly = startsAtMs !== null && members.nowMs < startsAtMs;
  if (isEarly) members.flipsAt(startsAtMs);
  return !isEarly && (endsAtMs === null || members.nowMs < endsAtMs);
}

/** The form by which somebody is decided: an arm's, or the place's own for who takes no part. */
function chosen(place, members) {
  const { key, seed, arms, ranges, layer, condition } = place.choice.experiment;
  if (members.visitor.maySplit === false || (condition && !members.meets(condition))) return [place, {}];
  const index = assign(members.visitor.unitId, seed, ranges, layer);
  const form = place.choice.places[index];
  return form ? [form, { experiment: key, arm: arms[index].key, probability: arms[index].weight }] : [place, {}];
}

/** The arm of a visitor who takes part, if so. */
function* split({ key, seed, arms, ranges, layer, condition }, members, rule = null) {
  if (members.visitor.maySplit === false || (condition && !members.meets(condition))) return;
  const arm = arms[assign(members.visitor.unitId, seed, ranges, layer)];
  if (!arm || !isOn(arm.variant, members)) return;
  const more = arm.isDefault || !rule ? [] : rule.caps;
  yield {
    variant: arm.variant,
    reason: "SPLIT",
    caps: [...new Map([...arm.caps, ...more].map((cap) => [cap.number, cap])).values()],
    rule: rule && rule.key,
    experiment: key,
    arm: arm.key,
    probability: arm.weight,
  };
}

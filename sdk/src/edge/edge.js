/**
 * A whole call at the edge: a signed publication opened, and /v1/decide answered from it as the server would.
 *
 * What the edge cannot know (kept segments, traits, caps, models, recommendations, Liquid) is marked `origin` in
 * the publication; whoever asks for such a placement is sent there.
 */

import { decideInTurn, decidePlacement } from "./decide.js";
import { localized } from "./locales.js";
import { RequestFacts, isOdd } from "./request.js";
import { compileSnapshot } from "./snapshot.js";
import { fieldMaker, prepared } from "./templating.js";
import { isObject } from "./values.js";
import { NotVerified, verifiedBy } from "./verify.js";

const FORMAT = 4; // and all before it
const BUCKETING = "growthbook-v2-10000";
const MAX_TTL_S = 60;
const MAX_PLACEMENTS = 50;
const MAX_ID = 64; // characters: of longer ones the server makes another for its buckets

/** A publication that is signed, but older than the one at hand: somebody repeats the past. */
export class OlderPublication extends Error {}

/**
 * @typedef {object} Publication
 * @property {number} number
 * @property {number} validUntilMs
 * @property {string} timeZone of the site.
 * @property {import("./snapshot.js").Snapshot} snapshot what the edge decides.
 * @property {Map<string, object>} origins the other placements, each with its default.
 */

/**
 * @param {Uint8Array} bytes the body of GET /v1/snapshot.
 * @param {string | null} signature its X-Snapshot-Signature.
 * @param {{keys: object[]}} jwks
 * @param {{site: string, least?: number}} wanted the site's public id; the number that one holds already.
 * @returns {Promise<Publication>} perhaps of a time that is over: see `isFresh`.
 * @throws {NotVerified} not signed by these keys, of another site or of another form.
 * @throws {OlderPublication}
 */
export async function openPublication(bytes, signature, jwks, { site, least = 0 }) {
  await verifiedBy(bytes, signature, jwks);
  const doc = JSON.parse(new TextDecoder().decode(bytes));
  if (!(doc.format <= FORMAT) || doc.bucketing !== BUCKETING) throw new NotVerified("of another form");
  if (doc.site !== site) throw new NotVerified("of another site");
  if (doc.number < least) throw new OlderPublication(`${doc.number} is older than ${least}`);
  const isHere = ({ origin }) => !origin;
  return {
    number: doc.number,
    validUntilMs: Date.parse(doc.validUntil),
    timeZone: doc.timeZone,
    snapshot: compileSnapshot({ ...doc, placements: doc.placements.filter(isHere) }),
    origins: new Map(doc.placements.filter(({ origin }) => origin).map((place) => [place.key, place])),
  };
}

/** @param {Publication} publication @param {number} nowMs */
export function isFresh(publication, nowMs) {
  return nowMs < publication.validUntilMs;
}

/**
 * Answer a call of /v1/decide.
 *
 * @param {Publication} publication a fresh one.
 * @param {object} question the body of the call. Beside what the server takes, `consent` with
 *   `personalization`, and `experiments` for a placement that runs one, as the page knows them: without them the
 *   origin, which has them on record, is asked.
 * @param {import("./request.js").Asker} asker
 * @param {number} nowMs
 * @returns {object | null} null: the origin must be asked.
 */
export function answerOf(publication, question, asker, nowMs) {
  const keys = keysOf(question);
  if (keys === null || question.userId != null || question.userToken || question.explain || question.preview) {
    return null;
  }
  const id = question.anonymousId ?? "";
  if (typeof id !== "string" || id.length > MAX_ID || id.includes("\0")) return null;
  const facts = new RequestFacts(question, { ...asker, timeZone: publication.timeZone }, nowMs);
  if (isOdd(facts)) return null;
  const { personalization, experiments } = question.consent ?? {};
  const visitor = { unitId: id, allowed: personalization === true, maySplit: experiments === true };
  const entries = [];
  for (const key of keys) {
    const place = publication.snapshot.places.get(key);
    if (!place) return null;
    const isPersonal = (place.block.doc.purpose ?? "personalization") === "personalization";
    if (isPersonal && typeof personalization !== "boolean") return null;
    const isSplit = place.experiment || place.choice || place.rules.some((rule) => rule.experiment);
    if (isSplit && typeof experiments !== "boolean") return null;
    const decision = decidePlacement(publication.snapshot, key, visitor, facts, nowMs);
    const variant = place.block.variants.get(decision.variant);
    entries.push([key, entryOf(place.block, variant.doc, decision, question, facts.languages())]);
  }
  return wordedAs(publication, entries, nowMs);
}

/**
 * What everybody may see in each placement, when nothing better can be known.
 *
 * @param {Publication} publication
 * @param {object} question
 * @param {number} nowMs
 * @param {string} [reason]
 * @returns {object | null} null: no question that could be answered at all.
 */
export function defaultsOf(publication, question, nowMs, reason = "ERROR") {
  const keys = keysOf(question);
  return keys && wordedAs(publication, keys.map((key) => [key, defaultOf(publication, key, reason)]), nowMs);
}

/** @returns {object} the default of one placement as an entry of an answer. */
export function defaultOf(publication, key, reason = "ERROR") {
  const told = { reason, rule: null, experiment: null, arm: null, validUntilMs: null };
  const place = publication.snapshot.places.get(key);
  const shown = place ? place.isEnabled : publication.origins.get(key)?.enabled;
  if (shown === false) told.reason = "DISABLED";
  if (place) return entryOf(place.block, place.block.default.doc, told, {});
  const origin = publication.origins.get(key);
  if (origin) return entryOf({ key: origin.block, doc: origin }, origin.default, told, {});
  return { reason: "ERROR", code: "placement_not_found", trace: null };
}

/** @returns {string[] | null} the placements that a call asks for; null when it is no such call. */
function keysOf(question) {
  if (typeof question !== "object" || question === null || !Array.isArray(question.placements)) return null;
  const keys = question.placements.map((asked) => (typeof asked === "string" ? asked : asked?.key));
  const isAsked = keys.length > 0 && keys.length <= MAX_PLACEMENTS && new Set(keys).size === keys.length;
  const objects = [question.context ?? {}, question.facts ?? {}].every(isObject);
  return isAsked && objects && keys.every((key) => typeof key === "string") ? keys : null;
}

function entryOf(block, variant, told, { facts, context }, languages = "") {
  const [locale, doc] = localized(block.doc, variant, languages);
  const values = { traits: {}, segments: {}, facts: facts ?? {}, context: context ?? {}, intensity: 1 };
  const fields = Object.entries(doc.fields ?? {}).map(([name, stored]) => [name, fieldMaker(stored)(values)]);
  const entry = {
    decisionId: null, // Only the server can sign one.
    block: block.key,
    variant: doc.key,
    version: doc.version,
    locale,
    fields: Object.fromEntries(fields),
    html: doc.template ? prepared(doc.template)(values) : null,
    reason: told.reason,
    experiment: told.experiment === null ? null : { key: told.experiment, arm: told.arm },
    rule: told.rule,
    validUntil: told.validUntilMs === null ? null : new Date(told.validUntilMs).toISOString(),
    trace: null,
  };
  return doc.value === undefined ? entry : { ...entry, value: doc.value };
}

function wordedAs(publication, entries, nowMs) {
  const untils = entries.flatMap(([, { validUntil }]) => (validUntil ? [Date.parse(validUntil)] : []));
  const seconds = Math.floor((Math.min(...untils) - nowMs) / 1000);
  return {
    requestId: `edge_${crypto.randomUUID()}`,
    decidedAt: new Date(nowMs).toISOString(),
    snapshot: publication.number,
    segmentKey: null,
    ttlSeconds: Math.max(1, Math.min(MAX_TTL_S, seconds)),
    placements: Object.fromEntries(entries),
  };
}

export { NotVerified, compileSnapshot, decideInTurn, decidePlacement };

/**
 * The tracker: one object for a page.
 *
 *   const attune = load({ writeKey: "pk_...", host: "https://attune.example" });
 *   attune.page();
 *   attune.track("Product Viewed", { product_id: "C14" });
 *   await attune.consent({ analytics: true, personalization: true });
 *   await attune.decide();            // every element with data-attune-placement
 *   attune.live();                    // and again whenever the visitor's content may have changed
 *
 * It never throws into the page, never blocks it, and stores and sends nothing about the visitor before
 * `consent`. Decisions without consent are asked for without any identifier: they are default content.
 */

import { createConsent } from "./consent.js";
import { VERSION, createEvent, pageContext } from "./events.js";
import { createExposures } from "./exposures.js";
import { createLive } from "./live.js";
import { previewToken, showPreviewBanner } from "./preview.js";
import { createQueue } from "./queue.js";
import { placementElements, render, restoreDefaults } from "./render.js";
import { createTransport, retryAfter } from "./transport.js";

const PREVIEW_MS = 10000; // An editor waits for drafts to be read; a visitor would not.

/**
 * @typedef {object} Options
 * @property {string} writeKey publishable key of the source
 * @property {string} [host] origin of the API; default: the page's own
 * @property {string} [policyVersion] version of the notice shown; a new one asks again
 * @property {number} [deadline] ms that `decide` may take before the default content stays (300)
 * @property {number} [delay] ms that events wait for company (250)
 */

/** @param {Options} options */
export function load({ writeKey, host = "", policyVersion = "1", deadline = 300, delay = 250 }) {
  const transport = createTransport(host, writeKey);
  const consent = createConsent(policyVersion);
  const preview = previewToken(); // an editor looks, no visitor: nothing is told of it
  const mayMeasure = () => !preview && consent.may("analytics");
  /** How often something was shown also bounds how often it is shown again; the server keeps no event of it. */
  const mayCount = () => mayMeasure() || (!preview && consent.may("personalization"));

  /** An event made before the choice gets its identifier now; the consent is the one it leaves under. */
  const stamp = (event) => ({
    ...event,
    anonymousId: event.anonymousId || consent.anonymousId(),
    context: { ...event.context, consent: { categoryPreferences: consent.purposes() } },
  });
  const events = createQueue({
    transport,
    path: "/v1/batch",
    wrap: (rows) => ({ batch: rows.map(stamp), sentAt: new Date().toISOString() }),
    delay,
    allowed: mayMeasure,
  });
  const sightings = createQueue({
    transport,
    path: "/v1/exposures",
    wrap: (rows) => ({ exposures: rows }),
    delay,
    allowed: mayCount,
  });
  const exposures = createExposures((exposure) => mayCount() && sightings.add(exposure));

  function record(type, fields) {
    // A refusal is final for what happened under it; before any choice the page view waits in memory.
    if (preview || (consent.purposes() !== null && !mayMeasure())) return;
    const who = { anonymousId: consent.anonymousId(), userId: consent.userId() || undefined };
    events.add(createEvent(type, { ...fields, ...who }));
  }

  /** POST the choice until the server has it. Resolves to the resulting state, or null for now. */
  async function tellConsent(attempt = 0) {
    if (preview || !consent.mustTell()) return null;
    const purposes = consent.purposes();
    const response = await transport
      .post("/v1/consent", {
        anonymousId: consent.anonymousId(),
        purposes,
        policyVersion,
        method: "banner",
      })
      .catch(() => null);
    const now = consent.purposes();
    if (now.analytics !== purposes.analytics || now.personalization !== purposes.personalization) {
      return tellConsent(); // The visitor chose again meanwhile: the last word must be the last call.
    }
    if (response && response.ok) {
      consent.confirm();
      return response.json().catch(() => null);
    }
    const wait = retryAfter(response, attempt);
    if (wait !== null) setTimeout(() => tellConsent(attempt + 1), wait);
    return null;
  }

  /** Ask; null when the answer is late, refused or unreadable. */
  async function ask(placements, facts) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), preview ? PREVIEW_MS : deadline);
    const known = !preview && consent.may("personalization");
    try {
      const response = await transport.post(
        "/v1/decide",
        {
          placements,
          context: pageContext(),
          facts,
          preview: preview || undefined,
          anonymousId: (known && consent.anonymousId()) || undefined,
          userId: (known && consent.userId()) || undefined,
        },
        stop.signal,
      );
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  let round = 0;
  let asked = []; // the arguments of the last `decide`
  let flight; // the question on its way
  let decidedAt; // when the last answer was
  let live = null;

  /**
   * Decide and show. Placements default to those of the page's elements.
   *
   * @param {(string | {key: string, limit?: number})[]} [placements]
   * @param {{facts?: object, renderers?: Object<string, (element: Element, decision: object) => void>}} [options]
   * @returns {Promise<object | null>} the whole answer, or null: the default content stayed
   */
  async function decide(placements, { facts, renderers = {} } = {}) {
    const elements = placementElements();
    const wanted = placements || [...new Set(elements.map((e) => e.dataset.attunePlacement))];
    if (!wanted.length) return null;
    const mine = (round += 1);
    asked = [placements, { facts, renderers }];
    if (preview) showPreviewBanner("Preview: nothing is counted.");
    const answer = await (flight = ask(wanted, facts));
    if (preview && !answer) showPreviewBanner("This preview is over: the page shows its default.");
    // A newer question, or a withdrawal, makes this answer old news.
    if (!answer || mine !== round) return null;
    decidedAt = answer.decidedAt;
    for (const element of elements) {
      const key = element.dataset.attunePlacement;
      const decision = (answer.placements || {})[key];
      if (!decision || decision.reason === "ERROR") continue;
      if (render(element, decision, renderers[key])) exposures.watch(element, decision.decisionId);
    }
    return answer;
  }

  tellConsent();

  const tracker = {
    version: VERSION,
    decide,
    track: (event, properties = {}) => record("track", { event, properties }),
    page: (name, properties = {}) => record("page", { name, properties }),
    identify(userId, traits = {}) {
      consent.signIn(userId);
      record("identify", { traits });
    },
    reset() {
      consent.reset();
      if (live) live.follow();
    },
    /** Send now what waits; resolves when it is stored or waits for a retry. */
    flush: () => Promise.all([events.flush(), sightings.flush()]),

    /**
     * Keep the open page as it would be decided now: when the server tells of a change, the last `decide`
     * is repeated, or `again` is called. Nothing is opened before the visitor agrees to personalization.
     * @param {() => void} [again]
     * @returns {() => void} ends it
     */
    live(again = () => decide(...asked)) {
      if (live) live.end();
      const askedAt = async () => (await flight, decidedAt);
      live = createLive({ transport, consent, again, askedAt });
      live.follow();
      return live.end;
    },

    /** The visitor's choice, or null when not asked yet. */
    choice: consent.purposes,
    anonymousId: consent.anonymousId,

    /**
     * Record an explicit choice. Purposes that are not named are refused.
     * @param {{analytics?: boolean, personalization?: boolean}} purposes
     * @returns {Promise<object | null>} the state the server answered; null: it will be told later
     */
    async consent({ analytics = false, personalization = false }) {
      consent.choose({ analytics: analytics === true, personalization: personalization === true });
      round += 1;
      if (!mayMeasure()) events.clear();
      if (!mayCount()) {
        sightings.clear();
        exposures.clear();
      }
      if (!consent.may("personalization")) restoreDefaults();
      if (live && !consent.may("personalization")) live.follow();
      const state = await tellConsent();
      events.flush();
      if (live) live.follow();
      return state;
    },
  };
  if (preview) {
    const nothing = { identify() {}, reset() {}, live: () => () => {}, consent: async () => null };
    // As if all was agreed to, so that no page asks an editor over what they came to see.
    const choice = () => ({ analytics: true, personalization: true });
    Object.assign(tracker, nothing, { choice, anonymousId: () => null });
  }
  return tracker;
}

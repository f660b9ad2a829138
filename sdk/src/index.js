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

import { PURPOSES, createConsent } from "./consent.js";
import { VERSION, createEvent, pageContext } from "./events.js";
import { createExposures } from "./exposures.js";
import { hasSignal } from "./gpc.js";
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
 * @property {string} [site] under which name this site keeps its choice, where a key may be replaced or
 *   several sites share an origin (default: the end of the key)
 * @property {string} [policyVersion] version of the notice shown; a new one asks again
 * @property {number} [deadline] ms that `decide` may take before the default content stays (300)
 * @property {number} [delay] ms that events wait for company (250)
 */

/** @param {Options} options */
export function load({ writeKey, host = "", site, policyVersion, deadline = 300, delay = 250 }) {
  const transport = createTransport(host, writeKey);
  const consent = createConsent(site || writeKey.slice(-8), policyVersion);
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

  let proof = {}; // that this page may speak for the login: userHash or userToken, never stored
  const person = () => ({ anonymousId: consent.anonymousId() || undefined, userId: consent.userId() || undefined, ...proof });

  /** POST the choice until the server has it. Resolves to the resulting state, or null for now. */
  async function tellConsent(attempt = 0) {
    const choice = preview ? null : consent.untold();
    if (!choice) return null;
    const response = await transport
      .post("/v1/consent", {
        anonymousId: consent.anonymousId(),
        // Of the login only with proof: nobody chooses in another's name.
        ...(proof.userHash || proof.userToken ? person() : {}),
        purposes: choice.purposes,
        policyVersion: choice.policyVersion,
        method: "banner",
        gpc: hasSignal(),
        conflictShown: choice.how?.despite,
        controls: { control: choice.how?.control, interface: `attune.js ${VERSION}` },
        language: choice.how?.language,
      })
      .catch(() => null);
    // The visitor chose again meanwhile: the last word must be the last call.
    if (consent.untold() !== choice) return tellConsent();
    if (response && response.ok) {
      const state = await response.json().catch(() => null);
      if (consent.untold() === choice) consent.confirm(Date.parse(state && state.askAgainAt));
      return state;
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
          ...(known ? person() : {}),
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
    if (Object.values(answer.placements || {}).some(({ reason }) => reason === "NO_CONSENT")) askServer();
    for (const element of elements) {
      const key = element.dataset.attunePlacement;
      const decision = (answer.placements || {})[key];
      if (!decision || decision.reason === "ERROR") continue;
      if (render(element, decision, renderers[key])) exposures.watch(element, decision.decisionId);
    }
    return answer;
  }

  /** What was gathered or shown under a purpose that is not agreed to any more goes at once. */
  function obey() {
    round += 1;
    if (!mayMeasure()) events.clear();
    if (!mayCount()) {
      sightings.clear();
      exposures.clear();
    }
    if (!consent.may("personalization")) restoreDefaults();
    if (live && !consent.may("personalization")) live.follow();
    dispatchEvent(new CustomEvent("attune:consent")); // whoever shows the choice shows the new one
  }

  let hasAsked = false;

  /** Somebody who agreed here and is not known to: they may have refused in the preference centre. */
  async function askServer() {
    if (preview || hasAsked || !consent.may("personalization") || consent.untold()) return;
    hasAsked = true;
    const query = new URLSearchParams({ anonymousId: consent.anonymousId(), writeKey });
    const response = await fetch(transport.address(`/v1/consent?${query}`), { credentials: "omit" }).catch(() => null);
    const state = response && response.ok ? await response.json().catch(() => null) : null;
    if (state && consent.heed(state.recorded)) obey();
  }

  tellConsent();

  const tracker = {
    version: VERSION,
    transport,
    decide,
    track: (event, properties = {}) => record("track", { event, properties }),
    page: (name, properties = {}) => record("page", { name, properties }),
    /** @param {{userHash?: string, userToken?: string}} [signed] the site's proof of who this is */
    identify(userId, traits = {}, signed = {}) {
      proof = signed;
      consent.signIn(userId);
      record("identify", { traits });
    },
    reset() {
      proof = {};
      consent.reset();
      if (live) live.follow();
    },
    /**
     * Why the visitor sees what a decision showed: `sentence` in words, `page` to link to.
     * @param {string} decisionId
     * @returns {Promise<object | null>}
     */
    async why(decisionId) {
      const query = new URLSearchParams({ decisionId, writeKey });
      const response = await fetch(transport.address(`/v1/why?${query}`), { credentials: "omit" }).catch(() => null);
      return response && response.ok ? response.json().catch(() => null) : null;
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

    /** Whether the browser sends Global Privacy Control, which opts out of advertising and sale. */
    gpc: hasSignal,

    /** @returns {object} who this visitor is to the server, for calls of the page's own */
    person,

    /**
     * The page shows this version of the notice; a yes under a version that is not among `lasting` has
     * ended, and the visitor is to be asked again.
     * @param {string} version
     * @param {string[]} lasting
     * @returns {boolean} whether to ask
     */
    notice(version, lasting) {
      if (consent.show(version, lasting)) obey();
      return consent.purposes() === null;
    },

    /**
     * Record an explicit choice. Purposes that are not named are refused.
     * @param {Object<string, boolean>} purposes functional, analytics, personalization, advertising, sale
     * @param {{despite?: boolean, control?: string, language?: string}} [how] `despite`: the visitor was
     *   told that their browser's signal opts out of advertising and sale, and said yes to these;
     *   `control`: what they used ("accept_all"), `language`: of the notice; both are kept as evidence
     * @returns {Promise<object | null>} the state the server answered; null: it will be told later
     */
    async consent(purposes, { despite = false, control, language } = {}) {
      const chosen = Object.fromEntries(PURPOSES.map((purpose) => [purpose, purposes[purpose] === true]));
      consent.choose(chosen, { despite, control, language });
      obey();
      const state = await tellConsent();
      events.flush();
      if (live) live.follow();
      return state;
    },
  };
  if (preview) {
    const nothing = { identify() {}, reset() {}, live: () => () => {}, consent: async () => null, notice: () => false, person: () => ({}) };
    // As if all was agreed to, so that no page asks an editor over what they came to see.
    const choice = () => Object.fromEntries(PURPOSES.map((purpose) => [purpose, true]));
    Object.assign(tracker, nothing, { choice, anonymousId: () => null });
  }
  return tracker;
}

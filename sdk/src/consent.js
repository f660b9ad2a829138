/**
 * What the visitor agreed to, and what may be kept because of it.
 *
 * Before a choice nothing is stored and no identifier exists. A refusal stores the choice alone, so that
 * the banner does not ask again before its time. A grant makes the identifier; a full withdrawal removes
 * it as soon as the server has confirmed that it knows.
 */

import { OPTED_OUT, hasSignal } from "./gpc.js";
import { newId } from "./ids.js";

/** All that is asked for; what is necessary needs no yes. */
export const PURPOSES = ["functional", "analytics", "personalization", "advertising", "sale"];
// Until the server says: a yes lasts twelve months, a no is not asked about again for six.
const MONTH_MS = 2629800000;

/** @typedef {Object<string, boolean>} Purposes by the names of PURPOSES */
/**
 * @typedef {object} Choice
 * @property {Purposes} purposes
 * @property {string} policyVersion of the notice it was made under
 * @property {boolean} told whether the server has confirmed it
 * @property {number} until ms of the clock; from then on nobody has chosen
 * @property {{despite: boolean}} how it was made; `despite`: after the page had told that the browser's
 *   signal says otherwise
 */

/** Read a key of localStorage; null when it is absent or the browser forbids storage. */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Write a key of localStorage, or remove it with null. A browser that forbids storage loses it on leaving. */
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Full or forbidden storage: the memory copy serves this page view.
  }
}

/**
 * The consent of this browser on one site.
 *
 * @param {string} site whose it is: two sites of one origin share nothing
 * @param {string} [policyVersion] version of the notice that the page shows; another one asks again.
 *   Without it the choice stands until `show` tells of a notice that ends it.
 */
export function createConsent(site, policyVersion) {
  const [CHOICE, ANONYMOUS, USER] = ["consent", "anonymousId", "userId"].map((name) => `attune.${name}.${site}`);
  let version = policyVersion;
  let choice = storedChoice();
  // An older notice's identifier may not be used under the new one before the visitor has answered.
  let anonymousId = choice ? recall(ANONYMOUS) : null;
  let userId = choice ? recall(USER) : null;

  /** The choice that stands; null when there is none, or one that is over or for an older notice. */
  function storedChoice() {
    try {
      const found = JSON.parse(recall(CHOICE));
      const isOver = found.until < Date.now() || (version !== undefined && found.policyVersion !== version);
      return isOver ? null : found;
    } catch {
      return null;
    }
  }

  const isOptedOut = (purpose) => hasSignal() && !choice.how?.despite && OPTED_OUT.includes(purpose);
  const may = (purpose) => Boolean(choice && choice.purposes[purpose] && !isOptedOut(purpose));
  const mayAny = () => Boolean(choice && PURPOSES.some((purpose) => choice.purposes[purpose]));
  const store = () => keep(CHOICE, JSON.stringify(choice));

  function forgetPerson() {
    anonymousId = userId = null;
    keep(ANONYMOUS, null);
    keep(USER, null);
  }

  return {
    may,
    /** @returns {Purposes | null} what holds now; null: not asked yet */
    purposes: () => choice && Object.fromEntries(PURPOSES.map((purpose) => [purpose, may(purpose)])),
    anonymousId: () => anonymousId,
    userId: () => userId,
    /** @returns {Choice | null} the choice while the server has not confirmed it */
    untold: () => (choice && !choice.told && anonymousId ? choice : null),

    /**
     * @param {Purposes} purposes the visitor's explicit choice
     * @param {{despite: boolean}} how
     */
    choose(purposes, how) {
      const isYes = PURPOSES.some((purpose) => purposes[purpose]);
      const until = Date.now() + (isYes ? 12 : 6) * MONTH_MS;
      choice = { purposes, policyVersion: version, told: false, until, how };
      // One from an older notice serves a refusal too: the server must hear whose it is.
      anonymousId = anonymousId || recall(ANONYMOUS);
      if (isYes) {
        anonymousId = anonymousId || newId();
        keep(ANONYMOUS, anonymousId);
        if (userId) keep(USER, userId);
      }
      store();
    },

    /**
     * The server has the choice: after a refusal nothing is left that names the browser.
     * @param {number} until ms of when to ask again, as the server has it; NaN: it does not say
     */
    confirm(until) {
      choice.told = true;
      if (until) choice.until = until;
      store();
      if (!mayAny()) forgetPerson();
    },

    /**
     * The page shows this version of the notice.
     * @param {string} shown
     * @param {string[]} lasting versions under which a yes still holds; a no holds under any
     * @returns {boolean} whether a choice ended by this
     */
    show(shown, lasting) {
      version = shown;
      if (!mayAny() || lasting.includes(choice.policyVersion)) return false;
      choice = anonymousId = userId = null;
      return true;
    },

    /**
     * What the visitor has refused elsewhere is refused here too.
     * @param {Purposes} recorded as the server has it
     * @returns {boolean} whether that changed anything
     */
    heed(recorded) {
      const refused = PURPOSES.filter((purpose) => choice && choice.purposes[purpose] && recorded[purpose] === false);
      if (!refused.length) return false;
      for (const purpose of refused) choice.purposes[purpose] = false;
      store();
      if (!mayAny()) forgetPerson();
      return true;
    },

    signIn(id) {
      userId = String(id);
      if (mayAny()) keep(USER, userId);
    },

    /** The next person on this device is another one. The choice stays: it belongs to the browser. */
    reset() {
      forgetPerson();
      if (mayAny()) {
        anonymousId = newId();
        keep(ANONYMOUS, anonymousId);
      }
    },
  };
}

/**
 * What the visitor agreed to, and what may be kept because of it.
 *
 * Before a choice nothing is stored and no identifier exists. A refusal stores the choice alone, so that
 * the banner does not ask again. A grant makes the identifier; a full withdrawal removes it as soon as
 * the server has confirmed that it knows.
 */

import { newId } from "./ids.js";

/** @typedef {{analytics: boolean, personalization: boolean}} Purposes */
/** @typedef {{purposes: Purposes, policyVersion: string, told: boolean}} Choice */

const KEYS = { choice: "attune.consent", anonymousId: "attune.anonymousId", userId: "attune.userId" };

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

/** @returns {Choice | null} the stored choice; null when there is none, or one for an older notice. */
function storedChoice(policyVersion) {
  try {
    const choice = JSON.parse(recall(KEYS.choice));
    return choice && choice.policyVersion === policyVersion ? choice : null;
  } catch {
    return null;
  }
}

/**
 * The consent of this browser.
 *
 * @param {string} policyVersion version of the notice that the page shows; another one asks again.
 */
export function createConsent(policyVersion) {
  let choice = storedChoice(policyVersion);
  // An older notice's identifier may not be used under the new one before the visitor has answered.
  let anonymousId = choice ? recall(KEYS.anonymousId) : null;
  let userId = choice ? recall(KEYS.userId) : null;

  const may = (purpose) => Boolean(choice && choice.purposes[purpose]);
  const mayAny = () => may("analytics") || may("personalization");

  function forgetPerson() {
    anonymousId = userId = null;
    keep(KEYS.anonymousId, null);
    keep(KEYS.userId, null);
  }

  return {
    may,
    /** @returns {Purposes | null} null: not asked yet */
    purposes: () => choice && { ...choice.purposes },
    anonymousId: () => anonymousId,
    userId: () => userId,
    /** True while the server has not confirmed the stored choice. */
    mustTell: () => Boolean(choice && !choice.told && anonymousId),

    /** @param {Purposes} purposes the visitor's explicit choice */
    choose(purposes) {
      choice = { purposes, policyVersion, told: false };
      // One from an older notice serves a refusal too: the server must hear whose it is.
      anonymousId = anonymousId || recall(KEYS.anonymousId);
      if (mayAny()) {
        anonymousId = anonymousId || newId();
        keep(KEYS.anonymousId, anonymousId);
        if (userId) keep(KEYS.userId, userId);
      }
      keep(KEYS.choice, JSON.stringify(choice));
    },

    /** The server has the choice: after a refusal nothing is left that names the browser. */
    confirm() {
      choice.told = true;
      keep(KEYS.choice, JSON.stringify(choice));
      if (!mayAny()) forgetPerson();
    },

    signIn(id) {
      userId = String(id);
      if (mayAny()) keep(KEYS.userId, userId);
    },

    /** The next person on this device is another one. The choice stays: it belongs to the browser. */
    reset() {
      forgetPerson();
      if (mayAny()) {
        anonymousId = newId();
        keep(KEYS.anonymousId, anonymousId);
      }
    },
  };
}

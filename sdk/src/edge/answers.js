/** What parts of a condition answer. */

/**
 * A verdict (null: unknown) and the instant in ms before which it holds if nothing happens (Infinity: it stays).
 *
 * @typedef {[boolean | null, number]} Answer
 */

/** @type {Answer} */
export const YES = [true, Infinity];
/** @type {Answer} */
export const NO = [false, Infinity];
/** @type {Answer} */
export const UNKNOWN = [null, Infinity];

/** @param {boolean | null} verdict @returns {Answer} one that does not change with time. */
export function lasting(verdict) {
  return verdict === null ? UNKNOWN : verdict ? YES : NO;
}

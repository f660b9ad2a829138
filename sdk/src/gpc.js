/** Global Privacy Control (W3C): the browser says that nothing may be sold or shared. */

/** Purposes that the signal opts out of. */
export const OPTED_OUT = ["advertising", "sale"];

/** @returns {boolean} whether this browser sends the signal; only exactly `true` is one. */
export function hasSignal() {
  return navigator.globalPrivacyControl === true;
}

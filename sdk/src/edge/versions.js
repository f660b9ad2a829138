/** Versions as texts: one to four numbers of one to nine digits with dots; missing ones are 0. */

const VERSION = /^[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}$/;

/** @returns {number[] | null} the four numbers of "2.10"; null for anything else. */
export function versionOf(found) {
  if (typeof found !== "string" || !VERSION.test(found)) return null;
  const numbers = found.split(".").map(Number);
  while (numbers.length < 4) numbers.push(0);
  return numbers;
}

/** @returns {number} below 0, 0 or above: how two versions are ordered. */
export function orderOfVersions(a, b) {
  for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
}

/** Texts as sequences of code points, which JavaScript's own order and length do not count. */

/** @returns {number} below 0, 0 or above: how two texts are ordered by code point. */
export function orderOfTexts(a, b) {
  const shared = Math.min(a.length, b.length);
  let i = 0;
  while (i < shared && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (i === shared) return a.length - b.length;
  // They may differ in the second half of a character: then it begins one unit before.
  if (i > 0 && isHigh(a.charCodeAt(i - 1)) && (isLow(a.charCodeAt(i)) || isLow(b.charCodeAt(i)))) i--;
  return a.codePointAt(i) - b.codePointAt(i);
}

const isHigh = (unit) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit) => unit >= 0xdc00 && unit < 0xe000;

/** @returns {number} the code points of a text. */
export function lengthOf(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

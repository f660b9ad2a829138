/** Arithmetic on sets of characters: ranges of code points, inclusive, ascending, apart. */

/** @typedef {[number, number][]} Ranges */

const TOP = 0x10ffff;

/** @type {Ranges} */
export const ANY = [[0, TOP]];

/** @param {Ranges} ranges @returns {Ranges} */
export function complement(ranges) {
  const found = [];
  let free = 0;
  for (const [low, high] of ranges) {
    if (low > free) found.push([free, low - 1]);
    free = high + 1;
  }
  if (free <= TOP) found.push([free, TOP]);
  return found;
}

/** @param {Ranges} ranges in any order, overlapping or not. @returns {Ranges} */
export function union(ranges) {
  const found = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const last = found.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else found.push([low, high]);
  }
  return found;
}

/** @param {Ranges} ranges @param {number} code */
export function isIn(ranges, code) {
  return ranges.some(([low, high]) => low <= code && code <= high);
}

const DIGIT = [[48, 57]];
const WORD = [[48, 57], [65, 90], [95, 95], [97, 122]];
const SPACE = [[9, 13], [32, 32]];

/** @type {Map<string, Ranges>} the letter after a backslash -> its characters, all ASCII. */
export const CLASSES = new Map([
  ["d", DIGIT],
  ["w", WORD],
  ["s", SPACE],
  ["D", complement(DIGIT)],
  ["W", complement(WORD)],
  ["S", complement(SPACE)],
]);

/** Dates and instants as texts: a day is its midnight UTC, an instant is RFC 3339 with an offset. */

export const DAY_MS = 86_400_000;

const FIRST_MS = midnight(1, 1, 1);
const LAST_MS = midnight(9999, 12, 31) + DAY_MS - 1;

// Offsets to 15:59 hours, as engine/conditions/dates.py reads them.
const DATE = new RegExp(
  "^([0-9]{4})-([0-9]{2})-([0-9]{2})" +
    "(?:T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\\.([0-9]{1,3}))?" +
    "(?:Z|([+-])(0[0-9]|1[0-5]):([0-5][0-9])))?$",
);

/** @returns {number | null} the milliseconds since 1970 of a day, months from 1; null where there is none. */
function midnight(year, month, day) {
  const date = new Date(0);
  // Not Date.UTC, which takes the year 99 for 1999.
  const ms = date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? ms : null;
}

/**
 * @param {unknown} found
 * @returns {number | null} milliseconds since 1970 of a date or an instant; null for anything else, and
 *   for days that do not exist (2025-02-29). Years are 0001 to 9999, in UTC too.
 */
export function instantMs(found) {
  const parts = typeof found === "string" ? DATE.exec(found) : null;
  if (!parts) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  let ms = midnight(year, month, day);
  if (ms === null || ms < FIRST_MS) return null;
  if (parts[4] !== undefined) {
    ms += (hour * 60 + minute) * 60_000 + second * 1000 + Number((parts[7] ?? "0").padEnd(3, "0"));
    if (parts[8]) {
      const offset = (Number(parts[9]) * 60 + Number(parts[10])) * 60_000;
      ms += parts[8] === "+" ? -offset : offset;
    }
  }
  return FIRST_MS <= ms && ms <= LAST_MS ? ms : null;
}

/**
 * Midnights UTC of the day and month of an instant, from the year before now to nine after: nine years hold
 * every distance that two anniversaries can have. 29 February counts as 1 March in common years.
 *
 * @returns {number[]} ascending.
 */
export function anniversaries(bornMs, nowMs) {
  const born = new Date(bornMs);
  const [month, day] = [born.getUTCMonth() + 1, born.getUTCDate()];
  const year = new Date(nowMs).getUTCFullYear();
  const found = [];
  for (let each = Math.max(year - 1, 1); each <= Math.min(year + 9, 9999); each++) {
    found.push(midnight(each, month, day) ?? midnight(each, 3, 1));
  }
  return found;
}

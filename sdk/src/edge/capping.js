/**
 * How often somebody may be shown something, given when it was shown: the twin of engine/capping.py.
 *
 * No edge knows when things were shown: a publication's edge document leaves capped placements to the origin.
 * These are for whoever has the counts, such as an app that keeps them itself.
 */

/**
 * @typedef {object} Fatigue
 * @property {number} half_life_ms
 * @property {number} step
 * @property {number} [floor]
 * @property {number} [skip_below]
 */

/**
 * @typedef {object} Cap at most `most` showings in a window, or in a session.
 * @property {number} number
 * @property {string} key
 * @property {number | null} [most]
 * @property {number | null} [window_ms]
 * @property {"visitor" | "session"} [per]
 * @property {number} [cooldown_ms]
 * @property {Fatigue | null} [fatigue]
 */

/**
 * @param {Cap} cap
 * @param {number[]} shownMs when things that draw on this cap were shown, ascending.
 * @param {number} nowMs
 * @param {number | null} sessionSinceMs the begin of the present session; null: it begins now.
 * @returns {boolean} is one more showing within the cap?
 */
export function isAllowed(cap, shownMs, nowMs, sessionSinceMs = null) {
  if (cap.cooldown_ms && shownMs.length && nowMs - shownMs.at(-1) < cap.cooldown_ms) return false;
  const most = cap.most ?? null;
  if (most !== null && countedOf(cap, shownMs, nowMs, sessionSinceMs) >= most) return false;
  const fatigue = cap.fatigue ?? null;
  return fatigue === null || intensityOf(fatigue, shownMs, nowMs) >= (fatigue.skip_below ?? 0);
}

/** @returns {number} how many showings count against the cap now. */
export function countedOf(cap, shownMs, nowMs, sessionSinceMs = null) {
  let afterMs = -Infinity; // exclusive
  if (cap.per === "session") afterMs = (sessionSinceMs ?? nowMs) - 1;
  if ((cap.window_ms ?? null) !== null) afterMs = Math.max(afterMs, nowMs - cap.window_ms);
  return shownMs.filter((atMs) => atMs > afterMs).length;
}

/** @returns {number} the multiplier that past showings leave, from 1 (fresh) down to the floor. */
export function intensityOf(fatigue, shownMs, nowMs) {
  let load = 0;
  for (const atMs of shownMs) load += 2 ** (-Math.max(0, nowMs - atMs) / fatigue.half_life_ms);
  return Math.max(fatigue.floor ?? 0, 1 - fatigue.step * load);
}

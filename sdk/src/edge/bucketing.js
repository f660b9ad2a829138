/** Sticky, evenly spread buckets for a unit: the public GrowthBook hash, version 2. */

export const BUCKETS = 10_000; // 0.01 % of traffic each, as in engine/bucketing.py.

/** FNV-1a, 32 bits, over UTF-16 code units; `state` continues the hash of a prefix. */
export function fnv1a32(text, state = 0x811c9dc5) {
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

/** @returns {number} the unit's bucket for this seed, a whole number in [0, BUCKETS). */
export function bucketOf(unitId, seed) {
  // Twice: one round leaves look-alike seeds ("test-1", "test-2") dependent.
  return fnv1a32(String(fnv1a32(unitId, fnv1a32(seed)))) % BUCKETS;
}

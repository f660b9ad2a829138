/** Who is in an experiment, and in which arm: GrowthBook's ranges, the twin of engine/allocation.py. */

import { BUCKETS, bucketOf, fnv1a32 } from "./bucketing.js";

/** @typedef {[number, number]} Range [start, end) of positions in [0, 1). */
/** @typedef {[string, number, number]} Layer its key, and its share [start, end) of the visitors. */

/**
 * Each arm's range begins at the sum of the weights before it, so raising the coverage moves nobody.
 *
 * @param {number[]} weights of the arms, of the sum 1.
 * @param {number} coverage the share of visitors in the experiment, 0 to 1.
 * @returns {Range[]}
 */
export function rangesOf(weights, coverage) {
  let start = 0;
  return weights.map((weight) => {
    const range = [start, start + coverage * weight];
    start += weight;
    return range;
  });
}

/** @param {number} position @param {Range[]} arms @returns {number} index of the range with it, else -1. */
export function choose(position, arms) {
  return arms.findIndex(([start, end]) => start <= position && position < end);
}

/** @returns {number} a visitor's position in [0, 1) under a seed, in steps of 1/10,000. */
export function positionOf(unitId, seed) {
  return bucketOf(unitId, seed) / BUCKETS;
}

/** @param {string} unitId @param {Layer} layer GrowthBook's namespaces use hash version 1. */
export function isInLayer(unitId, [key, start, end]) {
  const position = (fnv1a32(`${unitId}__${key}`) % 1000) / 1000;
  return start <= position && position < end;
}

/** @param {Layer | null} layer @returns {number} index of a visitor's arm; -1: not in the experiment. */
export function assign(unitId, seed, arms, layer = null) {
  if (layer !== null && !isInLayer(unitId, layer)) return -1;
  return choose(positionOf(unitId, seed), arms);
}

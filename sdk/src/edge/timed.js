/** Trait operators that read the present instant: dates near now, anniversaries, late changes. */

import { NO, UNKNOWN } from "./answers.js";
import { DAY_MS, anniversaries, instantMs } from "./dates.js";

/** @typedef {import("./answers.js").Answer} Answer */

/** True from `start` until `end`. */
function stretch(start, end, nowMs) {
  if (nowMs < start) return [false, start];
  return nowMs < end ? [true, end] : NO;
}

function anniversary(bornMs, width, nowMs) {
  let until = null;
  // True from day - width until the day is over: stretches that may touch or overlap.
  for (const day of anniversaries(bornMs, nowMs)) {
    const [start, end] = [day - width, day + DAY_MS];
    if (end <= nowMs) continue;
    if (until === null) {
      if (nowMs < start) return [false, start];
    } else if (start > until) {
      return [true, until];
    }
    until = end;
  }
  return [true, Infinity]; // Stretches that meet for nine years meet for ever.
}

/**
 * The operators by name, each (value of the trait, its meta or undefined, width in ms, now in ms) -> Answer.
 *
 * @type {Map<string, (found: unknown, meta: object | undefined, width: number, nowMs: number) => Answer>}
 */
export const TIMED = new Map([
  ["within_last", dated((at, width, nowMs) => stretch(at, at + width, nowMs))],
  ["within_next", dated((at, width, nowMs) => stretch(at - width, at, nowMs))],
  ["anniversary_within", dated(anniversary)],
  [
    "changed_within",
    (found, meta, width, nowMs) => {
      const at = meta?.changed_ms ?? null;
      return found === null || at === null ? UNKNOWN : stretch(at, at + width, nowMs);
    },
  ],
]);

function dated(answer) {
  return (found, meta, width, nowMs) => {
    const at = instantMs(found);
    return at === null ? UNKNOWN : answer(at, width, nowMs);
  };
}

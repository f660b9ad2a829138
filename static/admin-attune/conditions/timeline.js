// A picture of the stretch of time that a leaf looks at: a band up to now, and in it what has to
// happen, or must not. Beside it the same in words, so that nobody has to read the picture.

import { el, svg } from "./elements.js";
import { isObject } from "./tree.js";

const WIDTH = 560;
const HEIGHT = 112;
const LINE = 46;
const NOW = 520;
const START = 24;
const BELOW = LINE + 30; // a line of words under the band; what the band is comes under that

const UNITS = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day", w: "week", mo: "month", y: "year" };

export function duration(text) {
  const found = /^(\d+)(ms|mo|s|m|h|d|w|y)$/.exec(text ?? "");
  return found ? `${found[1]} ${UNITS[found[2]]}${found[1] === "1" ? "" : "s"}` : "…";
}

// {from, to, text, words}: where the band lies, and what it is.
function band(window) {
  const kind = typeof window === "string" ? window : isObject(window) ? Object.keys(window).find((key) => key !== "tz") : "ever";
  const of = (from, to, text, words, more = {}) => ({ from, to, text, words, ...more });
  switch (kind) {
    case "last": return of(170, NOW, `the last ${duration(window.last)}`, `from ${duration(window.last)} ago until now; what is older falls out`);
    case "session": return of(210, NOW, "this session", "from the beginning of the session until now; a new session begins after a pause");
    case "page_view": return of(330, NOW, "this page", "while the page that is open now is looked at");
    case "calendar": return of(210, NOW, `since the start of the ${window.calendar}`, `from the start of the ${window.calendar} until now; then it begins anew`);
    case "between_ago": return of(130, 350, `between ${duration(window.between_ago?.from)} and ${duration(window.between_ago?.to)} ago`, `from ${duration(window.between_ago?.from)} ago to ${duration(window.between_ago?.to)} ago; what happened since does not count`);
    case "visit": return of(210, 380, window.visit < 0 ? "one of the latest visits" : `visit number ${window.visit}`, "during that visit only");
    case "since": return of(170, NOW, `since the latest “${window.since?.name || "…"}”`, `from the latest “${window.since?.name || "…"}” until now`, { mark: true });
    case "absolute": return of(120, 420, `${window.absolute?.from ?? "…"} to ${window.absolute?.to ?? "now"}`, "between these two dates, whenever one looks");
    default: return of(0, NOW, "at any time", "over all that is known, until now", { open: true });
  }
}

const COUNTED = { gte: (n) => [n, `${n} or more`], gt: (n) => [n + 1, `more than ${n}`], eq: (n) => [n, `exactly ${n}`], lte: (n) => [n, `at most ${n}`], lt: (n) => [Math.max(0, n - 1), `fewer than ${n}`] };
const MOST_DOTS = 6;

function dots(from, to, count) {
  const shown = Math.min(count, MOST_DOTS);
  return Array.from({ length: shown }, (_, i) => svg("circle", { cx: from + ((i + 1) * (to - from)) / (shown + 1), cy: LINE, r: 6, class: "ct-dot" }));
}

// What is drawn on the line, and the words for it; null for leaves that time has no part in.
function drawing(leaf) {
  const text = (x, y, words, more = {}) => svg("text", { x, y, "text-anchor": "middle", class: "ct-text", ...more }, words);
  if (leaf.kind === "event" || leaf.kind === "exposure") {
    const lies = band(leaf.window);
    const what = leaf.kind === "exposure" ? "it was shown" : `“${leaf.name || "…"}”`;
    const counted = (leaf.aggregate ?? "count") === "count" && typeof leaf.value === "number" ? COUNTED[leaf.op]?.(leaf.value) : null;
    if (leaf.aggregate === "recency") {
      return { lies, parts: [...dots(lies.from, lies.to - 120, 1), svg("path", { d: `M${(lies.from + lies.to - 120) / 2 + 8} ${LINE - 12} H${NOW - 4}`, class: "ct-arc" })], words: `How long ago the latest ${what} was: counted from it until now.` };
    }
    const middle = (lies.from + lies.to) / 2;
    return {
      lies,
      parts: counted ? [...dots(lies.from, lies.to, counted[0]), text(middle, LINE - 14, counted[1])] : [...dots(lies.from, lies.to, 3), text(middle, LINE - 14, "all of these together")],
      words: `${counted ? `${counted[1]} times ${what}`.replace("times it was", "times that it was") : `What all ${what} come to`}, ${lies.words}.`,
    };
  }
  if (leaf.kind === "sequence" && Array.isArray(leaf.steps)) return sequence(leaf, text);
  if (leaf.kind === "absence") return absence(leaf, text);
  if (leaf.kind === "dwell") {
    const lies = band(leaf.window);
    const middle = (lies.from + lies.to) / 2;
    return { lies, parts: [svg("rect", { x: lies.from + 30, y: LINE - 6, width: Math.max(20, lies.to - lies.from - 90), height: 12, rx: 6, class: "ct-dot" }), text(middle, LINE - 14, `active for ${duration(leaf.value)}`)], words: `Active time added up, ${lies.words}. It counts on while the page is open.` };
  }
  return null;
}

function sequence(leaf, text) {
  const lies = band(leaf.window ?? "ever");
  const from = Math.max(60, lies.from);
  const step = (lies.to - from) / (leaf.steps.length + 1);
  const parts = [];
  const words = [];
  leaf.steps.forEach((one, i) => {
    const x = from + step * (i + 1);
    parts.push(svg("circle", { cx: x, cy: LINE, r: 11, class: "ct-dot" }), text(x, LINE + 5, String(i + 1), { class: "ct-number" }));
    words.push(`${i ? "then" : "first"} “${one.name || "…"}”${one.within ? ` within ${duration(one.within)}` : ""}`);
    if (i && one.within) parts.push(svg("path", { d: `M${x - step + 10} ${LINE - 8} Q${x - step / 2} ${LINE - 28} ${x - 10} ${LINE - 8}`, class: "ct-arc" }), text(x - step / 2, LINE - 22, duration(one.within)));
    for (const gap of leaf.without ?? []) {
      if (gap.after === i) parts.push(text(x - step / 2, LINE + 5, "✕", { class: "ct-not" }));
      if (gap.after === i) words.push(`with no “${gap.name || "…"}” in between`);
    }
  });
  const all = leaf.within ? `, all within ${duration(leaf.within)}` : "";
  return { lies, parts, words: `In this order: ${words.join(", ")}${all}; ${lies.words}.` };
}

function absence(leaf, text) {
  const lies = band(leaf.window);
  const name = leaf.without?.name || "…";
  if (!leaf.after) {
    const middle = (lies.from + lies.to) / 2;
    return { lies, parts: [text(middle, LINE + 5, "✕", { class: "ct-not" }), text(middle, LINE - 14, `no “${name}”`)], words: `No “${name}” at all, ${lies.words}.` };
  }
  const x = Math.max(lies.from, 60) + 40;
  return {
    lies,
    parts: [
      svg("circle", { cx: x, cy: LINE, r: 6, class: "ct-dot" }), text(x, LINE - 14, leaf.after.name || "…"),
      svg("rect", { x: x + 10, y: LINE - 7, width: 200, height: 14, rx: 4, class: "ct-gap" }), text(x + 110, BELOW, `${duration(leaf.for)} without it`),
      text(x + 110, LINE + 5, "✕", { class: "ct-not" }), text(x + 226, LINE + 5, "✓", { class: "ct-yes" }),
    ],
    words: `After “${leaf.after.name || "…"}” it waits ${duration(leaf.for)}. If no “${name}” has come by then, it is true from that moment on; ${lies.words}.`,
  };
}

// The picture of a leaf with its words, or nothing.
export function timeline(leaf) {
  const found = isObject(leaf) ? drawing(leaf) : null;
  if (!found) return "";
  const { lies, parts, words } = found;
  const from = Math.max(START, lies.from);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "ce-time", role: "img", "aria-label": words },
    svg("rect", { x: lies.open ? 0 : from, y: LINE - 12, width: lies.to - (lies.open ? 0 : from), height: 24, rx: 5, class: "ct-band" }),
    svg("line", { x1: 0, x2: NOW, y1: LINE, y2: LINE, class: "ct-line" }),
    lies.mark ? svg("line", { x1: from, x2: from, y1: LINE - 16, y2: LINE + 16, class: "ct-now" }) : "",
    svg("line", { x1: NOW, x2: NOW, y1: LINE - 20, y2: LINE + 16, class: "ct-now" }),
    svg("text", { x: NOW, y: LINE - 26, "text-anchor": "middle", class: "ct-text" }, "now"),
    parts,
    svg("text", { x: Math.min(Math.max((from + lies.to) / 2, 110), 450), y: HEIGHT - 8, "text-anchor": "middle", class: "ct-text" }, lies.text));
  return el("figure", { class: "ce-picture" }, picture, el("figcaption", {}, words));
}

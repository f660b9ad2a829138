/** The slot form of a template, and of the fields beside it: the twin of engine/templating.py. Nothing here runs. */

import { isObject } from "./values.js";

const URL_SCHEMES = ["http", "https", "mailto", "tel"];
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
// Browsers drop these before they read a scheme: "java\nscript:" runs.
const DROPPED = /[\0-\x20\x7f-\xa0\u2028\u2029]/g;
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
// What Python calls white space at the ends of a text; String.trim means something else.
const SPACES = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const ENDS = new RegExp(`^${SPACES}|${SPACES}$`, "g");

/** @typedef {{path: string[], escape?: "text" | "attr" | "url", default?: string}} Slot */
/** @typedef {(values: object) => string} Render */

/** @param {(string | Slot)[]} parts @returns {Render} never throws. */
export function prepared(parts) {
  const pieces = parts.map((part) => (typeof part === "string" ? part : filler(part)));
  return (values) => pieces.map((piece) => (typeof piece === "string" ? piece : piece(values))).join("");
}

/** @param {Slot} slot @returns {Render} */
function filler({ path, escape = "text", default: instead = "" }) {
  const safe = escape === "url" ? safeUrl : escaped;
  return (values) => {
    const found = valueAt(path, values);
    return safe(found === null ? instead : shownAs(found));
  };
}

/** @returns {unknown} the value at a path, null when there is none. */
export function valueAt(path, values) {
  let found = values;
  for (const name of path) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return null;
    found = found[name];
  }
  return found ?? null;
}

/** @returns {string} the text, safe between tags and inside quoted attributes. */
export function escaped(text) {
  return text.replace(/[&<>"']/g, (mark) => ENTITIES[mark]);
}

/** @returns {string} the escaped URL when it is relative or of a harmless scheme, else "#". */
export function safeUrl(text) {
  const bare = text.replace(DROPPED, "");
  const scheme = SCHEME.exec(bare);
  // A colon before any slash, yet no plain scheme ("java%73cript:"): no URL of ours.
  if (scheme === null) return bare.split(/[/?#]/, 1)[0].includes(":") ? "#" : escaped(text);
  return URL_SCHEMES.includes(scheme[0].slice(0, -1).toLowerCase()) ? escaped(text) : "#";
}

/** @returns {string} a value as a template shows it; "" for what is no text, number or truth. */
export function shownAs(value) {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  return typeof value === "string" || typeof value === "boolean" ? String(value) : "";
}

/** @param {unknown} stored as a publication holds it. @returns {(values: object) => unknown} makes the field. */
export function fieldMaker(stored) {
  if (!isObject(stored)) return () => stored;
  if (stored.as === "value") return () => stored.value;
  if (stored.as === "parts") return partsMaker(stored.of);
  if (stored.as === "html") return prepared(stored.slots);
  const pieces = stored.slots.map((piece) =>
    typeof piece === "string" ? () => piece : (values) => shownAs(valueAt(piece, values)),
  );
  const plain = (values) => pieces.map((piece) => piece(values)).join(""); // JSON is no HTML: as it is
  if (stored.as !== "url") return plain;
  return (values) => {
    const url = plain(values).replace(ENDS, "");
    return safeUrl(url) === "#" ? "#" : url;
  };
}

/** Each part of a list or an object is a stored field of its own. */
function partsMaker(of) {
  const makers = Object.entries(of).map(([name, stored]) => [name, fieldMaker(stored)]);
  return (values) => {
    const made = makers.map(([name, make]) => [name, make(values)]);
    return Array.isArray(of) ? made.map(([, part]) => part) : Object.fromEntries(made);
  };
}

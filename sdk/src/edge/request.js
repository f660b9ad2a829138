/**
 * Facts of one request that conditions may ask for by name: the twin of apps/delivery/request_facts.py.
 *
 * Where the two could read a request differently (`isOdd`), the edge leaves the answer to the origin. So it does
 * with "visitor", which is about a profile: a publication's edge document asks for it nowhere.
 */

/**
 * @typedef {object} Asker what the edge sees of a request.
 * @property {string | null} [userAgent] the header.
 * @property {string | null} [acceptLanguage] the header.
 * @property {string | null} [country] ISO 3166, as the network in front tells it.
 * @property {string} [timeZone] of the site.
 */

import { isObject } from "./values.js";

const MAX_URL = 4096; // characters
const MAX_AGENT = 512; // and of a list of languages
const MAX_PARAMETERS = 100;
const URL_PARTS = /^(?:[a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/i;
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** The facts by name, each worked out when it is asked for. */
export class RequestFacts {
  /** @param {{context?: object, facts?: object}} question @param {Asker} asker @param {number} nowMs */
  constructor(question, asker, nowMs) {
    Object.assign(this, { context: question.context ?? {}, facts: question.facts ?? {}, asker, nowMs });
  }

  /** @param {string} name @returns {unknown} null when it is missing. */
  get(name) {
    if (name.startsWith("facts.")) return dotted(this.facts, name.slice(6));
    if (MAKERS.has(name)) return MAKERS.get(name)(this) ?? null;
    if (name.startsWith("query.")) return this.parts()?.query.get(name.slice(6)) ?? null;
    return dotted(this.context, name);
  }

  text(name) {
    const found = dotted(this.context, name);
    return typeof found === "string" && found ? found : null;
  }

  url() {
    const url = this.text("page.url");
    return url && cut(url, MAX_URL);
  }

  parts() {
    const url = this.url();
    return url === null ? null : splitUrl(url);
  }

  agent() {
    const text = this.text("userAgent") ?? this.asker.userAgent ?? null;
    return text === null ? null : agentOf(cut(text, MAX_AGENT));
  }

  /** What the page says, else all that the browser would take. */
  languages() {
    return cut(this.text("locale") ?? this.asker.acceptLanguage ?? "", MAX_AGENT);
  }

  locale() {
    const first = (this.asker.acceptLanguage ?? "").split(",", 1)[0].split(";", 1)[0];
    return this.text("locale") ?? (first.trim() || null);
  }

  zone() {
    return this.text("timezone") ?? this.asker.timeZone ?? "UTC";
  }
}

const MAKERS = new Map([
  ["device", (facts) => facts.agent()?.device],
  ["browser", (facts) => facts.agent()?.browser],
  ["os", (facts) => facts.agent()?.system],
  ["url", (facts) => facts.url()],
  ["path", (facts) => (facts.url() === null ? facts.text("page.path") : facts.parts()?.path)],
  ["referrer", (facts) => facts.text("page.referrer")],
  ["referrer_host", (facts) => hostOf(cut(facts.text("page.referrer") ?? "", MAX_URL))],
  ["locale", (facts) => facts.locale()],
  ["accept_language", (facts) => facts.languages() || null],
  ["language", (facts) => facts.locale()?.replaceAll("_", "-").split("-", 1)[0].toLowerCase()],
  ["timezone", (facts) => facts.zone()],
  ["local_hour", (facts) => localTime(facts.zone(), facts.nowMs)?.hour],
  ["weekday", (facts) => localTime(facts.zone(), facts.nowMs)?.weekday],
  ["country", ({ asker }) => (/^[a-z]{2}$/i.test(asker.country ?? "") ? known(asker.country.toUpperCase()) : null)],
  ["visitor", () => null],
]);

const known = (country) => (country === "XX" ? null : country);

/** Might the server read this request otherwise? @param {RequestFacts} facts @returns {boolean} */
export function isOdd(facts) {
  const addresses = [facts.text("page.url"), facts.text("page.referrer")];
  // Brackets and letters beyond ASCII in a host: Python refuses some of them.
  if (addresses.some((url) => url && /[[\]\x80-\uffff]/.test(netlocOf(cut(url, MAX_URL))))) return true;
  const zone = facts.zone();
  try {
    // Names that the one knows and the other does not, or by another name.
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== zone;
  } catch {
    return true;
  }
}

/** The value at a dotted name; a key may hold a dot itself. */
function dotted(nested, name) {
  const own = ownOf(nested, name);
  if (own !== null) return isObject(own) ? null : own;
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
    const inner = ownOf(nested, name.slice(0, dot));
    if (isObject(inner)) return dotted(inner, name.slice(dot + 1));
  }
  return null;
}

const ownOf = (mapping, name) => (Object.hasOwn(mapping, name) ? (mapping[name] ?? null) : null);

/** The first characters of a text, by code point. */
function cut(text, most) {
  return text.length <= most ? text : [...text].slice(0, most).join("");
}

/** As urllib.parse.urlsplit takes it: without leading blanks, and without line breaks and tabs anywhere. */
function partsOf(url) {
  return URL_PARTS.exec(url.replace(/^[\0-\x20]+/, "").replace(/[\t\r\n]/g, ""));
}

const netlocOf = (url) => partsOf(url)[1] ?? "";

/** @returns {{path: string, query: Map<string, string>} | null} null: more parameters than anybody reads. */
function splitUrl(url) {
  const [, , path, query = ""] = partsOf(url);
  const pairs = query.split("&");
  if (pairs.length > MAX_PARAMETERS) return null;
  const found = new Map();
  for (const pair of pairs.filter(Boolean)) {
    const at = pair.indexOf("=");
    const name = unquoted(at < 0 ? pair : pair.slice(0, at));
    if (!found.has(name)) found.set(name, at < 0 ? "" : unquoted(pair.slice(at + 1)));
  }
  return { path: path || "/", query: found };
}

function unquoted(text) {
  return text.replaceAll("+", " ").replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    const bytes = run.slice(1).split("%").map((hex) => parseInt(hex, 16));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  });
}

function hostOf(url) {
  return netlocOf(url).split("@").at(-1).split(":", 1)[0].toLowerCase() || null;
}

// The first that is found names it: most browsers also claim to be Chrome and Safari.
const BROWSERS = [
  ["Edge", "Edg/", "EdgA/", "EdgiOS/"],
  ["Opera", "OPR/", "Opera/"],
  ["Samsung Internet", "SamsungBrowser/"],
  ["Firefox", "Firefox/", "FxiOS/"],
  ["Chrome", "Chrome/", "CriOS/"],
  ["Safari", "Safari/"],
];
const SYSTEMS = [
  ["Windows", "Windows"],
  ["Android", "Android"],
  ["iOS", "iPhone", "iPad"],
  ["macOS", "Mac OS X"],
  ["ChromeOS", "CrOS"],
  ["Linux", "Linux"],
];

/** What a User-Agent header names: the twin of apps/delivery/user_agents.py. */
function agentOf(text) {
  const has = (mark) => text.includes(mark);
  const nameIn = (table) => table.find(([, ...marks]) => marks.some(has))?.[0] ?? null;
  const [browser, system] = [nameIn(BROWSERS), nameIn(SYSTEMS)];
  let device = system ? "desktop" : "other";
  if (/bot(?![\p{L}\p{N}_])|crawl|spider|slurp/iu.test(text)) device = "robot";
  else if (has("iPad") || (has("Android") && !has("Mobile"))) device = "tablet";
  else if (has("Mobile") || has("iPhone")) device = "mobile";
  return { device, browser, system };
}

/** @returns {{hour: number, weekday: number} | null} hour 0-23, weekday 1 (Monday) to 7; null: no such zone. */
function localTime(timeZone, nowMs) {
  try {
    const form = { timeZone, hour: "numeric", hourCycle: "h23", weekday: "short" };
    const parts = new Intl.DateTimeFormat("en-US", form).formatToParts(nowMs);
    const at = (type) => parts.find((part) => part.type === type).value;
    return { hour: Number(at("hour")), weekday: DAYS.indexOf(at("weekday")) + 1 };
  } catch {
    return null;
  }
}

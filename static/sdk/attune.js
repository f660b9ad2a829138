/* Attune tracker. Apache-2.0. Built from sdk/src by sdk/build.py; do not edit. */
(() => {
"use strict";
function newId() {
if (crypto.randomUUID) return crypto.randomUUID();
const bytes = crypto.getRandomValues(new Uint8Array(16));
bytes[6] = (bytes[6] & 15) | 64;
bytes[8] = (bytes[8] & 63) | 128;
const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
const KEYS = { choice: "attune.consent", anonymousId: "attune.anonymousId", userId: "attune.userId" };
function recall(key) {
try {
return localStorage.getItem(key);
} catch {
return null;
}
}
function keep(key, value) {
try {
if (value === null) localStorage.removeItem(key);
else localStorage.setItem(key, value);
} catch {
}
}
function storedChoice(policyVersion) {
try {
const choice = JSON.parse(recall(KEYS.choice));
return choice && choice.policyVersion === policyVersion ? choice : null;
} catch {
return null;
}
}
function createConsent(policyVersion) {
let choice = storedChoice(policyVersion);
let anonymousId = choice ? recall(KEYS.anonymousId) : null;
let userId = choice ? recall(KEYS.userId) : null;
const may = (purpose) => Boolean(choice && choice.purposes[purpose]);
const mayAny = () => may("analytics") || may("personalization");
function forgetPerson() {
anonymousId = userId = null;
keep(KEYS.anonymousId, null);
keep(KEYS.userId, null);
}
return {
may,
purposes: () => choice && { ...choice.purposes },
anonymousId: () => anonymousId,
userId: () => userId,
mustTell: () => Boolean(choice && !choice.told && anonymousId),
choose(purposes) {
choice = { purposes, policyVersion, told: false };
anonymousId = anonymousId || recall(KEYS.anonymousId);
if (mayAny()) {
anonymousId = anonymousId || newId();
keep(KEYS.anonymousId, anonymousId);
if (userId) keep(KEYS.userId, userId);
}
keep(KEYS.choice, JSON.stringify(choice));
},
confirm() {
choice.told = true;
keep(KEYS.choice, JSON.stringify(choice));
if (!mayAny()) forgetPerson();
},
signIn(id) {
userId = String(id);
if (mayAny()) keep(KEYS.userId, userId);
},
reset() {
forgetPerson();
if (mayAny()) {
anonymousId = newId();
keep(KEYS.anonymousId, anonymousId);
}
},
};
}
const VERSION = "1.0.0";
function pageContext() {
return {
page: {
url: location.href.split("#")[0],
path: location.pathname,
title: document.title,
referrer: document.referrer,
},
locale: navigator.language,
timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
userAgent: navigator.userAgent,
};
}
function createEvent(type, fields) {
return {
type,
messageId: newId(),
timestamp: new Date().toISOString(),
...fields,
context: { library: { name: "attune.js", version: VERSION }, ...pageContext() },
};
}
const THRESHOLDS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1]; // Tall elements cover the screen below 50 %.
function createExposures(report) {
const pending = new Map();
const seen = new Set();
const observer =
"IntersectionObserver" in window
? new IntersectionObserver((entries) => entries.forEach(check), { threshold: THRESHOLDS })
: null;
function check(entry) {
const decisionId = pending.get(entry.target);
const screen = entry.rootBounds ? entry.rootBounds.height : innerHeight;
const half = entry.intersectionRatio >= 0.5 || entry.intersectionRect.height >= screen / 2;
if (!entry.isIntersecting || !half || document.visibilityState === "hidden") return;
stop(entry.target);
if (!decisionId || seen.has(decisionId)) return;
seen.add(decisionId);
report({ decisionId, seenAt: new Date().toISOString() });
}
function stop(element) {
observer.unobserve(element);
pending.delete(element);
}
return {
watch(element, decisionId) {
if (!observer || !decisionId) return;
stop(element); // Observing anew reports an element that is in view already.
pending.set(element, decisionId);
observer.observe(element);
},
clear() {
if (observer) observer.disconnect();
pending.clear();
},
};
}
const BEACON_BYTES = 60000;
function backoff(attempt) {
return Math.min(60000, 1000 * 2 ** attempt) * (0.5 + Math.random() / 2);
}
function createTransport(host, writeKey) {
const bodyOf = (fields) => JSON.stringify({ ...fields, writeKey });
const address = (path) => host.replace(/\/+$/, "") + path;
return {
address,
post(path, fields, signal) {
const body = bodyOf(fields);
return fetch(address(path), {
method: "POST",
headers: { "Content-Type": "text/plain" },
body,
signal,
credentials: "omit",
keepalive: !signal && body.length < BEACON_BYTES / 2,
});
},
beacon(path, fields) {
const body = new Blob([bodyOf(fields)], { type: "text/plain" });
return Boolean(navigator.sendBeacon && navigator.sendBeacon(address(path), body));
},
};
}
function retryAfter(response, attempt) {
if (attempt >= 8) return null;
if (!response) return backoff(attempt);
if (response.status !== 429 && response.status < 500) return null;
const seconds = Number(response.headers.get("Retry-After"));
return seconds > 0 ? Math.min(seconds, 300) * 1000 : backoff(attempt);
}
const HIDDEN_MS = 120000; // A page out of sight for longer asks when it is looked at again.
const GATHER_MS = 30; // Notices that come together are one question.
function createLive({ transport, consent, again, askedAt }) {
let source = null;
let whose = null; // the visitor whose stream is open or on its way
let over = null; // the visitor whose stream the server has ended for good
let attempt = 0;
let timer = null; // one: until the next try, or until a hidden page lets go
let gathering = null;
const visitor = () => (consent.may("personalization") && consent.anonymousId()) || null;
const isHidden = () => document.visibilityState === "hidden";
function close() {
clearTimeout(timer);
clearTimeout(gathering);
if (source) source.close();
source = whose = timer = gathering = null;
}
function gather() {
gathering = null;
again();
}
function hear({ data }) {
const notice = JSON.parse(data);
if (notice.type === "refetchEvaluation") gathering = gathering || setTimeout(gather, GATHER_MS);
if (notice.type === "trigger") dispatchEvent(new CustomEvent("attune:trigger", { detail: notice }));
}
function later(response) {
const tries = Math.min(attempt, 6);
const wait = retryAfter(response, tries);
close();
attempt += 1;
if (wait !== null) timer = setTimeout(follow, Math.max(wait, retryAfter(null, tries)));
}
async function refused(url) {
const mine = source;
const stop = new AbortController();
const response = await fetch(url, { credentials: "omit", signal: stop.signal }).catch(() => null);
stop.abort();
if (source !== mine) return;
if (response && response.status === 204) {
over = whose;
return close();
}
later(response && response.status >= 429 ? response : null);
}
async function open(anonymousId) {
whose = anonymousId;
const response = await transport.post("/v1/stream/tickets", { anonymousId }).catch(() => null);
const ticket = response && response.ok ? await response.json().catch(() => null) : null;
const since = Date.parse(await askedAt());
if (whose !== anonymousId || source) return; // Closed meanwhile, or somebody else's by now.
if (!ticket) return later(response);
const url = new URL(ticket.url, new URL(transport.address("/"), location.href));
if (since) url.searchParams.set("lastEventId", since + "-0");
source = new EventSource(url);
source.onmessage = hear;
source.onopen = () => (attempt = 0);
source.onerror = () => source && source.readyState === 2 && refused(url);
}
function follow() {
const now = visitor();
clearTimeout(timer);
if (now !== whose) close();
if (!now || now === over || !window.EventSource) return;
if (isHidden()) timer = setTimeout(close, HIDDEN_MS);
else if (!whose) open(now);
}
const events = { visibilitychange: follow, pagehide: close, pageshow: follow };
for (const name in events) addEventListener(name, events[name], true);
return {
follow,
end() {
for (const name in events) removeEventListener(name, events[name], true);
close();
},
};
}
const ROWS_PER_CALL = 20;
const ROWS_HELD = 500; // Offline for long: the oldest go first.
function createQueue({ transport, path, wrap, delay, allowed }) {
let waiting = [];
let flying = [];
let timer = null;
let call = null;
let attempt = 0;
function schedule(ms) {
if (timer === null) {
timer = setTimeout(() => {
timer = null;
flush();
}, ms);
}
}
function take() {
let size = 0;
let count = 0;
while (count < waiting.length && count < ROWS_PER_CALL) {
size += JSON.stringify(waiting[count]).length;
if (count && size > BEACON_BYTES / 3) break;
count += 1;
}
return waiting.splice(0, count);
}
async function send() {
const response = await transport.post(path, wrap(flying)).catch(() => null);
const wait = response && response.ok ? null : retryAfter(response, attempt);
if (wait === null) {
attempt = 0;
flying = [];
return true;
}
attempt += 1;
waiting = flying.concat(waiting);
flying = [];
schedule(wait);
return false;
}
async function drain() {
while (waiting.length && allowed()) {
flying = take();
if (!(await send())) return;
}
}
function flush() {
call = call || drain().finally(() => (call = null));
return call;
}
addEventListener("pagehide", () => {
if (!allowed()) return;
waiting = flying.concat(waiting);
flying = [];
while (waiting.length) {
const rows = take();
if (!transport.beacon(path, wrap(rows))) {
waiting = rows.concat(waiting); // The page may come back from the browser's cache.
return;
}
}
});
addEventListener("pageshow", (event) => event.persisted && flush());
return {
add(row) {
waiting.push(row);
if (waiting.length > ROWS_HELD) waiting.shift();
if (allowed()) schedule(waiting.length >= ROWS_PER_CALL ? 0 : delay);
},
flush,
clear() {
waiting = [];
flying = [];
},
size: () => waiting.length + flying.length,
};
}
const TARGETS = "[data-attune-field],[data-attune-href],[data-attune-src]";
const originals = new Map();
function placementElements(root = document) {
return [...root.querySelectorAll("[data-attune-placement]")];
}
function safeUrl(value) {
try {
const url = new URL(String(value), location.href);
return /^https?:$/.test(url.protocol) ? url.href : null;
} catch {
return null;
}
}
function fillAddress(element, attribute, value) {
const url = safeUrl(value);
if (url) {
element.setAttribute(attribute, url);
element.hidden = false;
}
}
function fillFields(element, fields) {
const given = (name) => name && fields[name] !== undefined && fields[name] !== null;
let filled = 0;
for (const target of element.querySelectorAll(TARGETS)) {
const { attuneField, attuneHref, attuneSrc } = target.dataset;
if (given(attuneField)) target.textContent = String(fields[attuneField]);
if (given(attuneHref)) fillAddress(target, "href", fields[attuneHref]);
if (given(attuneSrc)) fillAddress(target, "src", fields[attuneSrc]);
if (given(attuneField) || given(attuneHref) || given(attuneSrc)) filled += 1;
}
return filled;
}
function render(element, decision, renderer) {
if (!originals.has(element)) originals.set(element, element.cloneNode(true));
if (renderer) {
renderer(element, decision);
} else if (!(decision.fields && fillFields(element, decision.fields))) {
if (!decision.html) return false;
element.innerHTML = decision.html;
}
element.dataset.attuneReason = decision.reason;
return true;
}
function restoreDefaults() {
for (const [element, original] of originals) {
element.replaceChildren(...original.cloneNode(true).childNodes);
for (const { name } of [...element.attributes]) element.removeAttribute(name);
for (const { name, value } of original.attributes) element.setAttribute(name, value);
}
originals.clear();
}
function load({ writeKey, host = "", policyVersion = "1", deadline = 300, delay = 250 }) {
const transport = createTransport(host, writeKey);
const consent = createConsent(policyVersion);
const mayMeasure = () => consent.may("analytics");
const mayCount = () => mayMeasure() || consent.may("personalization");
const stamp = (event) => ({
...event,
anonymousId: event.anonymousId || consent.anonymousId(),
context: { ...event.context, consent: { categoryPreferences: consent.purposes() } },
});
const events = createQueue({
transport,
path: "/v1/batch",
wrap: (rows) => ({ batch: rows.map(stamp), sentAt: new Date().toISOString() }),
delay,
allowed: mayMeasure,
});
const sightings = createQueue({
transport,
path: "/v1/exposures",
wrap: (rows) => ({ exposures: rows }),
delay,
allowed: mayCount,
});
const exposures = createExposures((exposure) => mayCount() && sightings.add(exposure));
function record(type, fields) {
if (consent.purposes() !== null && !mayMeasure()) return;
const who = { anonymousId: consent.anonymousId(), userId: consent.userId() || undefined };
events.add(createEvent(type, { ...fields, ...who }));
}
async function tellConsent(attempt = 0) {
if (!consent.mustTell()) return null;
const purposes = consent.purposes();
const response = await transport
.post("/v1/consent", {
anonymousId: consent.anonymousId(),
purposes,
policyVersion,
method: "banner",
})
.catch(() => null);
const now = consent.purposes();
if (now.analytics !== purposes.analytics || now.personalization !== purposes.personalization) {
return tellConsent(); // The visitor chose again meanwhile: the last word must be the last call.
}
if (response && response.ok) {
consent.confirm();
return response.json().catch(() => null);
}
const wait = retryAfter(response, attempt);
if (wait !== null) setTimeout(() => tellConsent(attempt + 1), wait);
return null;
}
async function ask(placements, facts) {
const stop = new AbortController();
const timer = setTimeout(() => stop.abort(), deadline);
const known = consent.may("personalization");
try {
const response = await transport.post(
"/v1/decide",
{
placements,
context: pageContext(),
facts,
anonymousId: (known && consent.anonymousId()) || undefined,
userId: (known && consent.userId()) || undefined,
},
stop.signal,
);
return response.ok ? await response.json() : null;
} catch {
return null;
} finally {
clearTimeout(timer);
}
}
let round = 0;
let asked = []; // the arguments of the last `decide`
let flight; // the question on its way
let decidedAt; // when the last answer was
let live = null;
async function decide(placements, { facts, renderers = {} } = {}) {
const elements = placementElements();
const wanted = placements || [...new Set(elements.map((e) => e.dataset.attunePlacement))];
if (!wanted.length) return null;
const mine = (round += 1);
asked = [placements, { facts, renderers }];
const answer = await (flight = ask(wanted, facts));
if (!answer || mine !== round) return null;
decidedAt = answer.decidedAt;
for (const element of elements) {
const key = element.dataset.attunePlacement;
const decision = (answer.placements || {})[key];
if (!decision || decision.reason === "ERROR") continue;
if (render(element, decision, renderers[key])) exposures.watch(element, decision.decisionId);
}
return answer;
}
tellConsent();
return {
version: VERSION,
decide,
track: (event, properties = {}) => record("track", { event, properties }),
page: (name, properties = {}) => record("page", { name, properties }),
identify(userId, traits = {}) {
consent.signIn(userId);
record("identify", { traits });
},
reset() {
consent.reset();
if (live) live.follow();
},
flush: () => Promise.all([events.flush(), sightings.flush()]),
live(again = () => decide(...asked)) {
if (live) live.end();
const askedAt = async () => (await flight, decidedAt);
live = createLive({ transport, consent, again, askedAt });
live.follow();
return live.end;
},
choice: consent.purposes,
anonymousId: consent.anonymousId,
async consent({ analytics = false, personalization = false }) {
consent.choose({ analytics: analytics === true, personalization: personalization === true });
round += 1;
if (!mayMeasure()) events.clear();
if (!mayCount()) {
sightings.clear();
exposures.clear();
}
if (!consent.may("personalization")) restoreDefaults();
if (live && !consent.may("personalization")) live.follow();
const state = await tellConsent();
events.flush();
if (live) live.follow();
return state;
},
};
}
globalThis.Attune = { load, version: VERSION };
})();

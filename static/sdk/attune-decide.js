/* Attune decisions. Apache-2.0. Built from sdk/src/edge by sdk/build.py; do not edit. */
const BUCKETS = 10_000; // 0.01 % of traffic each, as in engine/bucketing.py.
function fnv1a32(text, state = 0x811c9dc5) {
for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
return state >>> 0;
}
function bucketOf(unitId, seed) {
return fnv1a32(String(fnv1a32(unitId, fnv1a32(seed)))) % BUCKETS;
}
function rangesOf(weights, coverage) {
let start = 0;
return weights.map((weight) => {
const range = [start, start + coverage * weight];
start += weight;
return range;
});
}
function choose(position, arms) {
return arms.findIndex(([start, end]) => start <= position && position < end);
}
function positionOf(unitId, seed) {
return bucketOf(unitId, seed) / BUCKETS;
}
function isInLayer(unitId, [key, start, end]) {
const position = (fnv1a32(`${unitId}__${key}`) % 1000) / 1000;
return start <= position && position < end;
}
function assign(unitId, seed, arms, layer = null) {
if (layer !== null && !isInLayer(unitId, layer)) return -1;
return choose(positionOf(unitId, seed), arms);
}
function isAllowed(cap, shownMs, nowMs, sessionSinceMs = null) {
if (cap.cooldown_ms && shownMs.length && nowMs - shownMs.at(-1) < cap.cooldown_ms) return false;
const most = cap.most ?? null;
if (most !== null && countedOf(cap, shownMs, nowMs, sessionSinceMs) >= most) return false;
const fatigue = cap.fatigue ?? null;
return fatigue === null || intensityOf(fatigue, shownMs, nowMs) >= (fatigue.skip_below ?? 0);
}
function countedOf(cap, shownMs, nowMs, sessionSinceMs = null) {
let afterMs = -Infinity; // exclusive
if (cap.per === "session") afterMs = (sessionSinceMs ?? nowMs) - 1;
if ((cap.window_ms ?? null) !== null) afterMs = Math.max(afterMs, nowMs - cap.window_ms);
return shownMs.filter((atMs) => atMs > afterMs).length;
}
function intensityOf(fatigue, shownMs, nowMs) {
let load = 0;
for (const atMs of shownMs) load += 2 ** (-Math.max(0, nowMs - atMs) / fatigue.half_life_ms);
return Math.max(fatigue.floor ?? 0, 1 - fatigue.step * load);
}
class Members {
constructor(snapshot, visitor, context, nowMs) {
Object.assign(this, { snapshot, visitor, nowMs, untilMs: Infinity, isStale: false });
this.facts = {
traits: visitor.traits,
trait_meta: visitor.traitMeta,
memberships: this,
context,
consents: visitor.consents,
unit_id: visitor.unitId,
};
}
get(key) {
const segment = this.snapshot.segments.get(key);
return segment ? this.has(segment) : null;
}
flipsAt(momentMs) {
if (momentMs !== null && momentMs < this.untilMs) this.untilMs = momentMs;
}
meets(condition) {
try {
const { verdict, validUntilMs } = condition(this.facts, this.nowMs);
this.flipsAt(validUntilMs);
return verdict === true;
} catch {
return false; // A fault of ours is no match, as on the server.
}
}
has(segment) {
if (segment.request) return this.meets(segment.request);
if (this.visitor.known === false) return segment.noProfile;
const stay = this.visitor.memberships?.[segment.number];
if (!stay) return false;
const [inside, untilMs, then, thenUntilMs] = stay;
if (untilMs === null) return inside === true;
if (this.nowMs < untilMs) {
this.flipsAt(untilMs);
return inside === true;
}
if (then !== null && thenUntilMs === null) return then === true;
if (then !== null && this.nowMs < thenUntilMs) {
this.flipsAt(thenUntilMs);
return then === true;
}
this.isStale = true;
return false;
}
}
function decidePlacement(snapshot, key, visitor, context, nowMs) {
return decideInTurn(snapshot, key, visitor, context, nowMs).next().value;
}
function* decideInTurn(snapshot, key, visitor, context, nowMs) {
const place = snapshot.places.get(key);
if (!place) {
const nothing = { placement: key, block: null, variant: null, version: 0, reason: "ERROR" };
yield { ...nothing, ...UNTOLD, code: "placement_not_found" };
return;
}
const members = new Members(snapshot, visitor, context, nowMs);
const settled = settledBy(snapshot, place, visitor);
if (settled) {
yield decision(place, { variant: place.block.default, reason: settled }, members);
return;
}
let isCapped = false;
for (const found of candidates(place, members)) {
const shownOf = ({ number }) => visitor.shown?.[number] ?? [];
if (!found.caps.every((cap) => isAllowed(cap, shownOf(cap), nowMs, visitor.sessionSinceMs ?? null))) {
isCapped = true;
continue;
}
yield decision(place, found, members);
if (!found.caps.length) return;
isCapped = true; // Whoever asks on was refused it.
}
const reason = isCapped ? "CAPPED" : members.isStale ? "STALE" : "DEFAULT";
yield decision(place, { variant: place.block.default, reason }, members);
}
const UNTOLD = {
rule: null,
validUntilMs: null,
code: null,
isStale: false,
experiment: null,
arm: null,
probability: 1,
caps: [],
};
function decision(place, { variant, caps = [], ...told }, members) {
const { untilMs, isStale } = members;
return {
placement: place.key,
block: place.block.key,
variant: variant.key,
version: variant.version,
...UNTOLD,
...told,
validUntilMs: untilMs === Infinity ? null : untilMs,
isStale,
caps: caps.map(({ number }) => number),
};
}
function settledBy(snapshot, place, visitor) {
if (!place.isEnabled) return "DISABLED";
const purpose = place.block.doc.purpose ?? "personalization";
if (visitor.allowed === false && purpose === "personalization") return "NO_CONSENT";
const isHeldOut = ({ seed, share }) => positionOf(visitor.unitId, seed) < share;
return snapshot.holdouts.some(isHeldOut) ? "HOLDOUT" : null;
}
function* candidates(place, members) {
for (const rule of place.rules) {
if (!holds(rule, members)) continue;
if (rule.variant) {
yield { variant: rule.variant, reason: "TARGETING_MATCH", caps: rule.caps, rule: rule.key };
} else {
yield* split(rule.experiment, members, rule);
}
}
if (place.experiment) yield* split(place.experiment, members);
for (const { segment, variant, caps } of place.tagged) {
if (members.has(segment)) yield { variant, reason: "TARGETING_MATCH", caps };
}
}
function holds({ startsAtMs, endsAtMs, condition }, members) {
if (startsAtMs !== null && members.nowMs < startsAtMs) {
members.flipsAt(startsAtMs);
return false;
}
if (endsAtMs !== null && members.nowMs >= endsAtMs) return false;
const isMet = members.meets(condition);
if (isMet) members.flipsAt(endsAtMs);
return isMet;
}
function* split({ key, seed, arms, ranges, layer, condition }, members, rule = null) {
if (condition && !members.meets(condition)) return;
const arm = arms[assign(members.visitor.unitId, seed, ranges, layer)];
if (!arm) return;
const more = arm.isDefault || !rule ? [] : rule.caps;
yield {
variant: arm.variant,
reason: "SPLIT",
caps: [...new Map([...arm.caps, ...more].map((cap) => [cap.number, cap])).values()],
rule: rule && rule.key,
experiment: key,
arm: arm.key,
probability: arm.weight,
};
}
const MAX_URL = 4096; // characters
const MAX_AGENT = 512;
const MAX_PARAMETERS = 100;
const URL_PARTS = /^(?:[a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/i;
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
class RequestFacts {
constructor(question, asker, nowMs) {
Object.assign(this, { context: question.context ?? {}, facts: question.facts ?? {}, asker, nowMs });
}
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
["language", (facts) => facts.locale()?.replaceAll("_", "-").split("-", 1)[0].toLowerCase()],
["timezone", (facts) => facts.zone()],
["local_hour", (facts) => localTime(facts.zone(), facts.nowMs)?.hour],
["weekday", (facts) => localTime(facts.zone(), facts.nowMs)?.weekday],
["country", ({ asker }) => (/^[a-z]{2}$/i.test(asker.country ?? "") ? known(asker.country.toUpperCase()) : null)],
["visitor", () => null],
]);
const known = (country) => (country === "XX" ? null : country);
function isOdd(facts) {
const addresses = [facts.text("page.url"), facts.text("page.referrer")];
if (addresses.some((url) => url && /[[\]\x80-\uffff]/.test(netlocOf(cut(url, MAX_URL))))) return true;
const zone = facts.zone();
try {
return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== zone;
} catch {
return true;
}
}
function dotted(nested, name) {
const own = ownOf(nested, name);
if (own !== null) return isMapping(own) ? null : own;
for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
const inner = ownOf(nested, name.slice(0, dot));
if (isMapping(inner)) return dotted(inner, name.slice(dot + 1));
}
return null;
}
const ownOf = (mapping, name) => (Object.hasOwn(mapping, name) ? (mapping[name] ?? null) : null);
const isMapping = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
function cut(text, most) {
return text.length <= most ? text : [...text].slice(0, most).join("");
}
function partsOf(url) {
return URL_PARTS.exec(url.replace(/^[\0-\x20]+/, "").replace(/[\t\r\n]/g, ""));
}
const netlocOf = (url) => partsOf(url)[1] ?? "";
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
class InvalidCondition extends Error {
constructor(path, problem) {
super(`${path}: ${problem}`);
this.name = "InvalidCondition";
this.path = path;
this.problem = problem;
}
}
const YES = [true, Infinity];
const NO = [false, Infinity];
const UNKNOWN = [null, Infinity];
function lasting(verdict) {
return verdict === null ? UNKNOWN : verdict ? YES : NO;
}
const DAY_MS = 86_400_000;
const FIRST_MS = midnight(1, 1, 1);
const LAST_MS = midnight(9999, 12, 31) + DAY_MS - 1;
const DATE = new RegExp(
"^([0-9]{4})-([0-9]{2})-([0-9]{2})" +
"(?:T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\\.([0-9]{1,3}))?" +
"(?:Z|([+-])(0[0-9]|1[0-5]):([0-5][0-9])))?$",
);
function midnight(year, month, day) {
const date = new Date(0);
const ms = date.setUTCFullYear(year, month - 1, day);
return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? ms : null;
}
function instantMs(found) {
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
function anniversaries(bornMs, nowMs) {
const born = new Date(bornMs);
const [month, day] = [born.getUTCMonth() + 1, born.getUTCDate()];
const year = new Date(nowMs).getUTCFullYear();
const found = [];
for (let each = Math.max(year - 1, 1); each <= Math.min(year + 9, 9999); each++) {
found.push(midnight(each, month, day) ?? midnight(each, 3, 1));
}
return found;
}
const TOP = 0x10ffff;
const ANY = [[0, TOP]];
function complement(ranges) {
const found = [];
let free = 0;
for (const [low, high] of ranges) {
if (low > free) found.push([free, low - 1]);
free = high + 1;
}
if (free <= TOP) found.push([free, TOP]);
return found;
}
function union(ranges) {
const found = [];
for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
const last = found.at(-1);
if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
else found.push([low, high]);
}
return found;
}
function isIn(ranges, code) {
return ranges.some(([low, high]) => low <= code && code <= high);
}
const DIGIT = [[48, 57]];
const WORD = [[48, 57], [65, 90], [95, 95], [97, 122]];
const SPACE = [[9, 13], [32, 32]];
const CLASSES = new Map([
["d", DIGIT],
["w", WORD],
["s", SPACE],
["D", complement(DIGIT)],
["W", complement(WORD)],
["S", complement(SPACE)],
]);
const MAX_PATTERN = 256; // characters
const MAX_STATES = 1000;
const MAX_REPEAT = 100;
const MAX_GROUPS = 20; // within each other
const PUNCTUATION = /^[!-/:-@[-`{-~]$/;
const COUNT = /^[0-9]{1,4}$/;
class InvalidPattern extends Error {}
function parsePattern(text) {
const pattern = Array.from(text); // By code point: a character beyond the basic plane is one.
if (pattern.length > MAX_PATTERN) {
throw new InvalidPattern(`expected a pattern of at most ${MAX_PATTERN} characters`);
}
const reader = createReader(pattern);
const part = reader.options();
if (!reader.isAtEnd()) throw reader.problem("this ) closes nothing (write \\) for the character)");
return part;
}
function createReader(pattern) {
let at = 0;
let depth = 0;
const peek = () => pattern[at] ?? "";
const take = () => pattern[at++] ?? "";
const problem = (what, place = at) => {
return new InvalidPattern(`at character ${place + 1} of the pattern: ${what}`);
};
function options() {
const parts = [run()];
while (peek() === "|") {
at++;
parts.push(run());
}
return limited(parts.length === 1 ? parts[0] : { kind: "options", parts });
}
function run() {
const parts = [];
while (!["", "|", ")"].includes(peek())) parts.push(quantified());
return limited(parts.length === 1 ? parts[0] : { kind: "run", parts });
}
function quantified() {
const start = at;
const part = atom();
const limits = quantifier();
if (!limits) return part;
if (pattern[start] === "^" || pattern[start] === "$") {
throw problem(`${pattern[start]} cannot be repeated`, start);
}
const follows = peek();
if (follows === "?") throw problem("lazy quantifiers are not supported; the match is the same without");
if (follows === "+") throw problem("possessive quantifiers are not supported");
if (follows === "*" || follows === "{") {
throw problem("nothing to repeat (write ( ) around what is repeated already)");
}
return limited({ kind: "repeat", part, least: limits[0], most: limits[1] });
}
function quantifier() {
const short = { "*": [0, null], "+": [1, null], "?": [0, 1] }[peek()];
if (short) {
at++;
return short;
}
return peek() === "{" ? counted() : null;
}
function counted() {
const start = at;
const end = pattern.indexOf("}", start);
const inside = end > start ? pattern.slice(start + 1, end).join("") : "";
const comma = inside.indexOf(",");
const [low, high] = comma < 0 ? [inside, ""] : [inside.slice(0, comma), inside.slice(comma + 1)];
if (!COUNT.test(low) || (high && !COUNT.test(high))) {
throw problem("expected {m}, {m,} or {m,n} (write \\{ for the character {)", start);
}
at = end + 1;
const least = Number(low);
const most = comma < 0 ? least : high ? Number(high) : null;
if (Math.max(least, most ?? 0) > MAX_REPEAT) {
throw problem(`expected at most ${MAX_REPEAT} repetitions`, start);
}
if (most !== null && most < least) throw problem("expected the smaller number first", start);
return [least, most];
}
function atom() {
const start = at;
const char = take();
switch (char) {
case ".":
return { kind: "chars", ranges: ANY };
case "^":
case "$":
return { kind: "edge", isEnd: char === "$" };
case "(":
return group(start);
case "[":
return set(start);
case "\\":
return { kind: "chars", ranges: escape(start) };
case "*":
case "+":
case "?":
throw problem("nothing to repeat (write a \\ before the character)", start);
case "{":
throw problem("nothing to repeat (write \\{ for the character)", start);
}
return { kind: "chars", ranges: only(char) };
}
function group(start) {
if (peek() === "?") {
if (pattern[at + 1] !== ":") throw problem("only ( ) and (?: ) are supported", start);
at += 2;
}
if (++depth > MAX_GROUPS) {
throw problem(`expected at most ${MAX_GROUPS} groups within each other`, start);
}
const part = options();
depth--;
if (take() !== ")") throw problem("this ( is never closed", start);
return part;
}
function escape(start) {
const char = take();
if (CLASSES.has(char)) return CLASSES.get(char);
if (PUNCTUATION.test(char)) return only(char);
if (!char) throw problem("a \\ with nothing after it", start);
throw problem("only \\d \\w \\s \\D \\W \\S and escaped punctuation are known", start);
}
function set(start) {
const isNegated = peek() === "^";
if (isNegated) at++;
const found = [];
const first = at;
while (peek() !== "]") {
if (!peek()) throw problem("this [ is never closed (write \\[ for the character)", start);
found.push(...member(first));
}
if (!found.length) throw problem("expected something between [ and ] (write \\] for a ])", start);
at++;
const ranges = isNegated ? complement(union(found)) : union(found);
if (!ranges.length) throw problem("no character is in this set", start);
return { kind: "chars", ranges };
}
function member(first) {
const start = at;
const low = memberEnd(first);
if (peek() !== "-" || ["]", undefined].includes(pattern[at + 1])) return low;
at++;
const high = memberEnd(first);
if (!isSingle(low) || !isSingle(high)) throw problem("a range needs a character at each end", start);
if (low[0][0] > high[0][0]) {
throw problem("expected the smaller character of the range first", start);
}
return [[low[0][0], high[0][0]]];
}
function memberEnd(first) {
const start = at;
const char = take();
if (char === "\\") return escape(start);
if (char === "[") throw problem("write \\[ for the character [ within a set", start);
if (char === "-" && start !== first && peek() !== "]") {
throw problem("write \\- for the character - within a set", start);
}
return only(char);
}
return { options, problem, isAtEnd: () => at >= pattern.length };
}
const only = (char) => [[char.codePointAt(0), char.codePointAt(0)]];
const isSingle = (ranges) => ranges.length === 1 && ranges[0][0] === ranges[0][1];
function limited(part) {
if (sizeOf(part) > MAX_STATES) {
throw new InvalidPattern(
`the pattern is too large: its repetitions need more than ${MAX_STATES} states`,
);
}
return part;
}
function sizeOf(part) {
if (part.kind === "repeat") return sizeOf(part.part) * Math.max(1, part.least, part.most ?? 0);
if (!part.parts) return 1;
return Math.max(1, part.parts.reduce((sum, each) => sum + sizeOf(each), 0));
}
function createMatcher(pattern) {
const graph = [{ ways: [] }];
const GOAL = 0;
const begin = add(graph, parsePattern(pattern), GOAL);
const first = closed([begin], true, false);
const again = closed([begin], false, false);
function closed(nodes, atStart, atEnd) {
const seen = new Set(nodes);
const kept = new Set();
for (const number of seen) {
const { ranges, isEnd, ways } = graph[number];
if (ranges || number === GOAL || isEnd) kept.add(number);
if (ranges || (isEnd !== undefined && !(isEnd ? atEnd : atStart))) continue;
for (const way of ways) seen.add(way); // A set that grows is walked to its end.
}
return kept;
}
return (text) => {
let here = first;
for (const char of text) {
if (here.has(GOAL)) return true;
if (!here.size) return false;
const code = char.codePointAt(0);
const moved = [];
for (const number of here) {
const { ranges, ways } = graph[number];
if (ranges && isIn(ranges, code)) moved.push(ways[0]);
}
here = closed(moved, false, false);
for (const number of again) here.add(number);
}
return here.has(GOAL) || closed(here, text === "", true).has(GOAL);
};
}
function add(graph, part, after) {
switch (part.kind) {
case "chars":
return graph.push({ ranges: part.ranges, ways: [after] }) - 1;
case "edge":
return graph.push({ isEnd: part.isEnd, ways: [after] }) - 1;
case "run":
return part.parts.reduceRight((next, each) => add(graph, each, next), after);
case "options": {
const ways = part.parts.map((each) => add(graph, each, after));
return graph.push({ ways }) - 1;
}
}
return part.most === null ? addLoop(graph, part, after) : addTimes(graph, part, after);
}
function addLoop(graph, { part, least }, after) {
const loop = graph.push({ ways: [] }) - 1;
const begin = add(graph, part, loop);
graph[loop].ways = [begin, after];
let next = least === 0 ? loop : begin;
for (let i = 1; i < least; i++) next = add(graph, part, next);
return next;
}
function addTimes(graph, { part, least, most }, after) {
let next = after;
for (let i = most; i > 0; i--) {
const begin = add(graph, part, next);
next = i <= least ? begin : graph.push({ ways: [begin, after] }) - 1;
}
return next;
}
function orderOfTexts(a, b) {
const shared = Math.min(a.length, b.length);
let i = 0;
while (i < shared && a.charCodeAt(i) === b.charCodeAt(i)) i++;
if (i === shared) return a.length - b.length;
if (i > 0 && isHigh(a.charCodeAt(i - 1)) && (isLow(a.charCodeAt(i)) || isLow(b.charCodeAt(i)))) i--;
return a.codePointAt(i) - b.codePointAt(i);
}
const isHigh = (unit) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit) => unit >= 0xdc00 && unit < 0xe000;
function lengthOf(text) {
let count = 0;
for (const _ of text) count++;
return count;
}
const VERSION = /^[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}$/;
function versionOf(found) {
if (typeof found !== "string" || !VERSION.test(found)) return null;
const numbers = found.split(".").map(Number);
while (numbers.length < 4) numbers.push(0);
return numbers;
}
function orderOfVersions(a, b) {
for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return a[i] - b[i];
return 0;
}
const EARTH_KM = 6371.0088; // Mean radius.
const ORDERS = new Map([
["eq", (order) => order === 0],
["gt", (order) => order > 0],
["gte", (order) => order >= 0],
["lt", (order) => order < 0],
["lte", (order) => order <= 0],
]);
function orderOf(a, b) {
if (typeof a === "string" && typeof b === "string") return orderOfTexts(a, b);
if (typeof a !== "number" || typeof b !== "number") return null;
return a < b ? -1 : a > b ? 1 : 0; // Not a difference: of infinities it is no number.
}
const TESTS = new Map([
["eq", (value) => (found) => found === value],
["ne", (value) => (found) => found !== value],
["in", (value) => (found) => value.includes(found)],
["between", between],
["contains", contains],
["starts_with", (value) => (found) => (typeof found === "string" ? found.startsWith(value) : null)],
["ends_with", (value) => (found) => (typeof found === "string" ? found.endsWith(value) : null)],
["matches", matches],
["has_any", members((value, held) => value.some((item) => held.includes(item)))],
["has_all", members((value, held) => value.every((item) => held.includes(item)))],
["has_none", members((value, held) => !value.some((item) => held.includes(item)))],
["before", moment((at, limit) => at < limit)],
["after", moment((at, limit) => at > limit)],
["within_km", withinKm],
]);
for (const [word, holds] of ORDERS) {
TESTS.set(`version_${word}`, (value) => {
const wanted = versionOf(value);
return (found) => {
const version = versionOf(found);
return version && holds(orderOfVersions(version, wanted));
};
});
if (word === "eq") continue;
TESTS.set(word, (value) => (found) => {
const order = orderOf(found, value);
return order === null ? null : holds(order);
});
}
function tester(op, value) {
if (op === "is_set") return (found) => found !== null;
if (op === "is_missing") return (found) => found === null;
const test = TESTS.get(op)(value);
return (found) => (found === null ? null : test(found));
}
function between([least, most]) {
return (found) => {
const [low, high] = [orderOf(found, least), orderOf(found, most)];
return low === null || high === null ? null : low >= 0 && high <= 0;
};
}
function contains(value) {
return (found) => {
if (Array.isArray(found)) return found.includes(value);
return typeof found === "string" && typeof value === "string" ? found.includes(value) : null;
};
}
function matches(value) {
const isFoundIn = createMatcher(value);
return (found) => (typeof found === "string" ? isFoundIn(found) : null);
}
function members(holds) {
return (value) => (found) => {
if (typeof found === "object") return Array.isArray(found) ? holds(value, found) : null;
return holds(value, [found]);
};
}
function moment(holds) {
return (value) => {
const limit = instantMs(value);
return (found) => {
const at = instantMs(found);
return at === null ? null : holds(at, limit);
};
};
}
function withinKm([latitude, longitude, km]) {
const radians = (degrees) => (degrees * Math.PI) / 180;
return (found) => {
if (!Array.isArray(found) || found.length !== 2) return null;
const [lat, lon] = found;
if (typeof lat !== "number" || typeof lon !== "number") return null;
if (!(Math.abs(lat) <= 90 && Math.abs(lon) <= 180)) return null;
const [here, there, across] = [radians(latitude), radians(lat), radians(lon - longitude)];
const half =
Math.sin((there - here) / 2) ** 2 + Math.cos(here) * Math.cos(there) * Math.sin(across / 2) ** 2;
return 2 * EARTH_KM * Math.asin(Math.sqrt(Math.min(1, half))) <= km;
};
}
function stretch(start, end, nowMs) {
if (nowMs < start) return [false, start];
return nowMs < end ? [true, end] : NO;
}
function anniversary(bornMs, width, nowMs) {
let until = null;
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
const TIMED = new Map([
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
const MAX_TEXT = 1024; // characters
const MAX_LIST = 1000;
const MAX_WINDOW_MS = 5 * 366 * 86_400_000;
const MAX_KM = 20_100; // More than half of the way around the Earth: everywhere.
const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^([0-9]{1,15})(ms|[smhdw])$/;
const UNSTORABLE = /[\0\ud800-\udfff]/u; // With `u` a surrogate in its pair is none.
const PRESENCE = ["is_set", "is_missing"];
const ORDERED = ["gt", "gte", "lt", "lte", "between"];
const FILTERS = ["eq", "ne", "in", "contains", "starts_with", "ends_with", ...ORDERED, ...PRESENCE];
FILTERS.push("matches", "version_eq", "version_gt", "version_gte", "version_lt", "version_lte");
FILTERS.push("before", "after", "has_any", "has_all", "has_none");
const CONTEXT_OPS = [...FILTERS, "within_km"];
const TRAIT_OPS = [
...FILTERS,
"within_last",
"within_next",
"anniversary_within",
"changed_within",
];
const MODEL_OPS = ["eq", "ne", "in", ...ORDERED, ...PRESENCE];
const below = (path, name) => (path ? `${path}.${name}` : name);
function expect(holds, path, problem) {
if (!holds) throw new InvalidCondition(path, problem);
}
function isObject(value) {
return typeof value === "object" && value !== null && !Array.isArray(value);
}
function fieldsOf(value, path, required, optional = []) {
expect(isObject(value), path || "where", "expected an object");
for (const name of Object.keys(value)) {
expect(required.includes(name) || optional.includes(name), below(path, name), "unknown field");
}
for (const name of required) expect(Object.hasOwn(value, name), below(path, name), "is missing");
return value;
}
function listOf(value, path, least = 0, what = "value") {
expect(Array.isArray(value), path, "expected a list");
expect(value.length <= MAX_LIST, path, `expected at most ${MAX_LIST} entries`);
expect(value.length >= least, path, `expected at least one ${what}`);
return value;
}
function anyText(value, path) {
expect(typeof value === "string", path, "expected a text");
expect(lengthOf(value) <= MAX_TEXT, path, `expected at most ${MAX_TEXT} characters`);
expect(!UNSTORABLE.test(value), path, "expected a text without NUL or lone surrogates");
return value;
}
function text(value, path) {
expect(value !== "", path, "expected a text that is not empty");
return anyText(value, path);
}
function number(value, path, least = -Infinity, most = Infinity) {
expect(typeof value === "number", path, "expected a number");
expect(Number.isFinite(value), path, "expected a finite number");
expect(least <= value && value <= most, path, `expected a number from ${least} to ${most}`);
return value;
}
function wholeNumber(value, path, least, most) {
const holds = Number.isInteger(value) && least <= value && value <= most;
expect(holds, path, `expected a whole number from ${least} to ${most}`);
return value;
}
function flag(value, path) {
expect(typeof value === "boolean", path, "expected true or false");
return value;
}
function scalar(value, path) {
return typeof value === "boolean" ? value : numberOrText(value, path);
}
function numberOrText(value, path) {
return typeof value === "string" ? anyText(value, path) : number(value, path);
}
function duration(value, path) {
const parts = typeof value === "string" ? DURATION.exec(value) : null;
expect(parts, path, 'expected a duration such as "10m" (ms s m h d w)');
const ms = Number(parts[1]) * UNITS_MS[parts[2]];
expect(ms <= MAX_WINDOW_MS, path, "expected at most 5 years");
return ms;
}
function positiveDuration(value, path) {
const ms = duration(value, path);
expect(ms > 0, path, "expected more than zero");
return ms;
}
function comparison(fields, path, allowed, read) {
const { op } = fields;
expect(allowed.includes(op), below(path, "op"), `expected one of ${allowed.join(", ")}`);
const at = below(path, "value");
if (PRESENCE.includes(op)) {
expect(!Object.hasOwn(fields, "value"), at, `${op} takes no value`);
return [op, null];
}
expect(Object.hasOwn(fields, "value"), at, "expected a value");
const own = SPECIAL.get(op);
return [op, own ? own(fields.value, at, read) : (read ?? scalar)(fields.value, at)];
}
function some(value, path, read = scalar) {
return listOf(value, path, 1).map((item, i) => read(item, `${path}[${i}]`));
}
function bounds(value, path, read = numberOrText) {
expect(listOf(value, path).length === 2, path, "expected two values, [least, most]");
const [low, high] = value.map((item, i) => read(item, `${path}[${i}]`));
const order = orderOf(low, high);
expect(order !== null, path, "expected two numbers or two texts");
expect(order <= 0, path, "expected the smaller value first");
return [low, high];
}
function pattern(value, path) {
text(value, path);
try {
parsePattern(value);
} catch (problem) {
throw new InvalidCondition(path, problem.message);
}
return value;
}
function version(value, path) {
expect(versionOf(text(value, path)), path, 'expected a version such as "2.10" (one to four numbers)');
return value;
}
function instant(value, path) {
const problem = 'expected a date ("2026-02-28") or an instant ("2026-02-28T10:00:00Z") that exists';
expect(instantMs(value) !== null, path, problem);
return value;
}
function circle(value, path) {
expect(listOf(value, path).length === 3, path, "expected [latitude, longitude, km]");
const limits = [[-90, 90], [-180, 180], [0, MAX_KM]];
limits.forEach(([least, most], i) => number(value[i], `${path}[${i}]`, least, most));
expect(value[2] > 0, `${path}[2]`, "expected more than zero");
return value;
}
function contained(value, path) {
expect(value !== "", path, "expected a text that is not empty");
return scalar(value, path);
}
const SPECIAL = new Map([
["in", some],
["between", bounds],
["contains", contained],
["starts_with", text],
["ends_with", text],
["matches", pattern],
["before", instant],
["after", instant],
["within_km", circle],
["anniversary_within", duration], // Zero asks for the day itself.
]);
for (const op of ["gt", "gte", "lt", "lte"]) {
SPECIAL.set(op, (value, path, read = numberOrText) => read(value, path));
}
for (const op of ["within_last", "within_next", "changed_within"]) SPECIAL.set(op, positiveDuration);
for (const op of ["has_any", "has_all", "has_none"]) SPECIAL.set(op, (value, path) => some(value, path));
for (const op of FILTERS) if (op.startsWith("version_")) SPECIAL.set(op, version);
const PURPOSES = ["necessary", "functional", "analytics", "personalization", "advertising", "sale"];
const COMPUTED = "computed."; // Traits of this name stand for an event aggregate.
const NEEDS_HISTORY = "needs history: answered as a hidden segment";
function found(mapping, name) {
if (typeof mapping?.get === "function") return mapping.get(name) ?? null;
return mapping && Object.hasOwn(mapping, name) ? (mapping[name] ?? null) : null;
}
function trait(document, path) {
const fields = fieldsOf(document, path, ["kind", "name", "op"], ["value", "from"]);
const name = text(fields.name, below(path, "name"));
expect(!name.startsWith(COMPUTED), below(path, "name"), `"${name}" ${NEEDS_HISTORY}`);
const [op, value] = comparison(fields, path, TRAIT_OPS);
const isAccepted = Object.hasOwn(fields, "from") ? origin(fields.from, below(path, "from")) : () => true;
const timed = TIMED.get(op);
const test = timed ? null : tester(op, value);
return (facts, nowMs) => {
const meta = found(facts.trait_meta, name);
const known = isAccepted(meta) ? found(facts.traits, name) : null;
return timed ? timed(known, meta, value, nowMs) : lasting(test(known));
};
}
function origin(document, path) {
const fields = fieldsOf(document, path, [], ["source", "min_confidence"]);
const [bySource, byConfidence] = ["source", "min_confidence"].map((name) => Object.hasOwn(fields, name));
expect(bySource || byConfidence, path, "expected `source`, `min_confidence` or both");
const { source, min_confidence: least } = fields;
if (bySource) text(source, below(path, "source"));
if (byConfidence) number(least, below(path, "min_confidence"), 0, 1);
return (meta) => {
if (meta === null || (bySource && meta.source !== source)) return false;
return !byConfidence || (typeof meta.confidence === "number" && meta.confidence >= least);
};
}
function context(document, path) {
const fields = fieldsOf(document, path, ["kind", "name", "op"], ["value"]);
const name = text(fields.name, below(path, "name"));
const test = tester(...comparison(fields, path, CONTEXT_OPS));
return (facts) => lasting(test(found(facts.context, name)));
}
function segment(document, path) {
const key = text(fieldsOf(document, path, ["kind", "key"]).key, below(path, "key"));
return (facts) => (found(facts.memberships, key) === true ? YES : NO);
}
function list(document, path) {
const name = `list.${text(fieldsOf(document, path, ["kind", "key"]).key, below(path, "key"))}`;
return (facts, nowMs) => {
const entry = found(facts.traits, name);
if (entry === true) return YES;
if (typeof entry !== "number" || entry <= nowMs) return NO;
return [true, entry < 2 ** 62 ? Math.ceil(entry) : Infinity];
};
}
function percent(document, path) {
const fields = fieldsOf(document, path, ["kind", "seed", "from", "to"]);
const seed = text(fields.seed, below(path, "seed"));
const start = number(fields.from, below(path, "from"), 0, 100);
const end = number(fields.to, below(path, "to"), 0, 100);
expect(start < end, below(path, "to"), "expected more than `from`, at most 100");
return (facts) => {
const position = bucketOf(facts.unit_id ?? "", seed) / 100;
return start <= position && position < end ? YES : NO;
};
}
function model(document, path) {
const fields = fieldsOf(document, path, ["kind", "name", "op"], ["value", "max_age", "fallback"]);
const name = `score.${text(fields.name, below(path, "name"))}`;
const [op, value] = comparison(fields, path, MODEL_OPS, numberOrText);
const isOrder = !["eq", "ne", "in"].includes(op);
const first = Array.isArray(value) ? value[0] : value;
expect(!isOrder || typeof first !== "string", below(path, "value"), "expected a number");
const has = (field) => Object.hasOwn(fields, field);
const maxAge = has("max_age") ? positiveDuration(fields.max_age, below(path, "max_age")) : null;
if (has("fallback")) {
expect(value !== null, below(path, "fallback"), `${op} is known without it`);
flag(fields.fallback, below(path, "fallback"));
}
const test = tester(op, value);
const absent = value === null ? test(null) : (fields.fallback ?? null);
return (facts, nowMs) => {
const score = found(facts.traits, name);
const staleAt = maxAge === null ? Infinity : staleAfter(found(facts.trait_meta, name), maxAge);
if (score === null || staleAt <= nowMs) return lasting(absent);
const verdict = test(score);
return [verdict, verdict === absent ? Infinity : staleAt];
};
}
function staleAfter(meta, maxAge) {
const observed = meta?.observed_ms ?? null;
return observed === null ? -Infinity : observed + maxAge;
}
function consent(document, path) {
const { purpose } = fieldsOf(document, path, ["kind", "purpose"]);
expect(PURPOSES.includes(purpose), below(path, "purpose"), `expected one of ${PURPOSES.join(", ")}`);
if (purpose === "necessary") return () => YES;
return (facts) => lasting(found(facts.consents, purpose));
}
function relation(document, path) {
const fields = fieldsOf(document, path, ["kind", "type"], ["to"]);
const name = `edge.${text(fields.type, below(path, "type"))}`;
const isAny = !Object.hasOwn(fields, "to");
const to = isAny ? null : text(fields.to, below(path, "to"));
return (facts) => {
const known = found(facts.traits, name);
const targets = Array.isArray(known) ? known : known === null ? [] : [known];
return (isAny ? targets.length > 0 : targets.includes(to)) ? YES : NO;
};
}
function needsHistory(document, path) {
expect(false, below(path, "kind"), `"${document.kind}" ${NEEDS_HISTORY}`);
}
const LEAVES = new Map([
["trait", trait],
["context", context],
["segment", segment],
["list", list],
["percent", percent],
["model", model],
["consent", consent],
["relation", relation],
]);
for (const kind of ["event", "sequence", "absence", "dwell", "score", "exposure", "experiment"]) {
LEAVES.set(kind, needsHistory);
}
const MAX_DEPTH = 12;
const MAX_LEAVES = 200;
function compileCondition(document, { settled = atOnce, noted = (part) => part } = {}) {
const fields = fieldsOf(document, "", ["v", "where"]);
expect(fields.v === 1, "v", "expected 1");
const part = compiled(fields.where, "", 1, { leaves: 0, settled, noted });
return (facts, nowMs) => {
const [verdict, until] = part(facts, nowMs);
return { verdict, validUntilMs: until === Infinity ? null : until };
};
}
function compiled(node, path, depth, count) {
return count.noted(made(node, path, depth, count), node);
}
function made(node, path, depth, count) {
const where = path || "where";
expect(depth <= MAX_DEPTH, where, `expected at most ${MAX_DEPTH} levels`);
expect(isObject(node), where, "expected an object");
if (Object.hasOwn(node, "kind")) {
expect(++count.leaves <= MAX_LEAVES, where, `expected at most ${MAX_LEAVES} leaves`);
const leaf = LEAVES.get(node.kind);
expect(leaf, below(path, "kind"), `expected one of ${[...LEAVES.keys()].join(", ")}`);
return leaf(node, path);
}
const names = Object.keys(node);
expect(names.length === 1, where, "expected one group, or a leaf with a kind");
const content = node[names[0]];
const at = below(path, names[0]);
const parts = (items, place, least) => {
listOf(items, place, least, "condition");
return items.map((item, i) => compiled(item, `${place}[${i}]`, depth + 1, count));
};
const { settled } = count;
switch (names[0]) {
case "all":
return settled(parts(content, at, 0), false); // An empty `all` is the condition that everyone meets.
case "any":
return settled(parts(content, at, 1), true);
case "none": {
const group = settled(parts(content, at, 1), true);
return negated(group, group.parts);
}
case "not": {
const inner = compiled(content, at, depth + 1, count);
return negated(inner, [inner]);
}
case "at_least": {
const { k, of } = fieldsOf(content, at, ["k", "of"]);
const chosen = parts(of, `${at}.of`, 1);
return atLeast(wholeNumber(k, `${at}.k`, 1, chosen.length), chosen);
}
}
throw new InvalidCondition(at, "unknown group (all, any, none, not, at_least)");
}
function atOnce(parts, settles) {
return (facts, nowMs) => {
let [verdict, until, settledUntil] = [!settles, Infinity, -Infinity];
for (const part of parts) {
const [each, eachUntil] = part(facts, nowMs);
if (each === settles) settledUntil = Math.max(settledUntil, eachUntil);
else if (each === null) verdict = null;
until = Math.min(until, eachUntil);
}
return settledUntil === -Infinity ? [verdict, until] : [settles, settledUntil];
};
}
function negated(part, parts) {
const negation = (facts, nowMs) => {
const [verdict, until] = part(facts, nowMs);
return [verdict === null ? null : !verdict, until];
};
return Object.assign(negation, { parts });
}
function atLeast(k, parts) {
const group = (facts, nowMs) => {
const answers = parts.map((part) => part(facts, nowMs));
const counted = (verdict) => answers.filter(([each]) => each === verdict).length;
const until = Math.min(...answers.map(([, each]) => each));
if (counted(true) >= k) return [true, until];
return [counted(true) + counted(null) >= k ? null : false, until];
};
return Object.assign(group, { parts });
}
const PLAIN = ["trait", "context", "segment", "list", "consent", "relation", "model"];
function costed(part, node) {
if (node.kind) return costedLeaf(part, node);
const [name] = Object.keys(node);
const parts = part.parts;
part.cost = 3 + parts.reduce((sum, { cost }) => sum + cost, 0);
if (name === "at_least" || !parts.every(({ isTrue }) => isTrue)) return part;
const every = (sure) => (facts, nowMs) => parts.every((each) => each[sure](facts, nowMs));
const some = (sure) => (facts, nowMs) => parts.some((each) => each[sure](facts, nowMs));
const [isTrue, isFalse] = {
all: [every("isTrue"), some("isFalse")],
any: [some("isTrue"), every("isFalse")],
none: [every("isFalse"), some("isTrue")],
not: [every("isFalse"), some("isTrue")],
}[name];
return Object.assign(surely(isTrue, isFalse), { cost: part.cost });
}
function costedLeaf(part, node) {
part.cost = PLAIN.includes(node.kind) ? 1 : 2;
const isPlain = node.kind === "trait" ? !TIMED.has(node.op) && !node.from : ["context", "segment"].includes(node.kind);
if (isPlain) {
part.isTrue = (facts, nowMs) => part(facts, nowMs)[0] === true;
part.isFalse = (facts, nowMs) => part(facts, nowMs)[0] === false;
}
return part;
}
function surely(isTrue, isFalse) {
const part = (facts, nowMs) => (isTrue(facts, nowMs) ? YES : isFalse(facts, nowMs) ? NO : UNKNOWN);
return Object.assign(part, { isTrue, isFalse });
}
function inTurn(parts, settles) {
const plain = parts.filter(({ isTrue }) => isTrue);
const rest = parts.filter(({ isTrue }) => !isTrue).sort((a, b) => a.cost - b.cost);
const [one, other] = settles ? ["isTrue", "isFalse"] : ["isFalse", "isTrue"];
const settled = (facts, nowMs) => plain.some((part) => part[one](facts, nowMs));
const unsettled = (facts, nowMs) => plain.every((part) => part[other](facts, nowMs));
const fused = settles ? surely(settled, unsettled) : surely(unsettled, settled);
const group = (facts, nowMs) => {
let [verdict, until] = [!settles, Infinity];
for (const part of plain.length ? [fused, ...rest] : rest) {
const answer = part(facts, nowMs);
if (answer[0] === settles) return answer;
if (answer[0] === null) verdict = null;
until = Math.min(until, answer[1]);
}
return [verdict, until];
};
return Object.assign(group, { parts });
}
const LAZILY = { settled: inTurn, noted: costed };
class InvalidSnapshot extends Error {}
function compileSnapshot(doc) {
const segments = keyed((doc.segments ?? []).map(segmentOf));
const byNumber = new Map([...segments.values()].map((segment) => [segment.number, segment]));
const blocks = keyed((doc.blocks ?? []).map((block) => blockOf(block, byNumber)));
const docs = [...(doc.placements ?? [])];
const named = new Set(docs.map(({ key }) => key));
for (const block of doc.blocks ?? []) {
if (block.kind === "flag" && !named.has(block.key)) docs.push({ key: block.key, block: block.key });
}
const caps = new Map((doc.caps ?? []).map((cap) => [cap.number, cap]));
const places = keyed(docs.map((place) => placeOf(place, get(blocks, place.block), caps)));
const byRule = new Map();
for (const experiment of doc.experiments ?? []) {
const compiled = experimentOf(experiment, get(places, experiment.placement));
if (experiment.enabled === false) continue;
if (experiment.by_rule) byRule.set(experiment.key, compiled);
else get(places, experiment.placement).experiment = compiled;
}
for (const rule of doc.rules ?? []) {
const place = get(places, rule.placement);
const compiled = ruleOf(rule, place, byRule, caps);
if (rule.enabled !== false && (compiled.variant || compiled.experiment)) place.rules.push(compiled);
}
for (const place of places.values()) {
place.rules.sort((a, b) => b.priority - a.priority || orderOfTexts(a.key, b.key));
}
return { number: doc.number, places, segments, holdouts: doc.holdouts ?? [] };
}
const conditionOf = (document) => compileCondition(document, LAZILY);
function segmentOf({ number, key, depth = 0, no_profile: noProfile = false, request_condition: request = null }) {
return { number, key, depth, noProfile, request: request && conditionOf(request) };
}
function blockOf(doc, segments) {
const variants = keyed(doc.variants.map((item) => ({ key: item.key, version: item.version, doc: item })));
const tagged = [...variants.values()].flatMap((variant) =>
(variant.doc.segments ?? []).map((number) => ({ segment: get(segments, number), variant })),
);
const priority = ({ variant }) => variant.doc.priority ?? 0;
tagged.sort((a, b) => b.segment.depth - a.segment.depth || priority(b) - priority(a));
return { key: doc.key, doc, variants, default: get(variants, doc.default), tagged };
}
function placeOf(doc, block, caps) {
const place = { key: doc.key, isEnabled: doc.enabled !== false, block, rules: [], experiment: null };
place.capsOf = (variant, more = []) => {
if (variant === block.default) return []; // The default is never limited.
const numbers = [variant.doc.caps, block.doc.caps, doc.caps, more].flatMap((some) => some ?? []);
return [...new Set(numbers)].map((number) => get(caps, number));
};
place.tagged = block.tagged.map((pair) => ({ ...pair, caps: place.capsOf(pair.variant) }));
return place;
}
function experimentOf(doc, place) {
const weights = doc.arms.map(({ weight }) => weight);
return {
key: doc.key,
seed: doc.seed,
arms: doc.arms.map(({ key, weight, variant: name }) => {
const variant = get(place.block.variants, name);
const isDefault = variant === place.block.default;
return { key, weight, variant, caps: place.capsOf(variant), isDefault };
}),
ranges: rangesOf(weights, doc.coverage ?? 1),
layer: doc.layer ?? null,
condition: doc.condition ? conditionOf(doc.condition) : null,
};
}
function ruleOf(doc, place, byRule, caps) {
const variant = doc.experiment ? null : get(place.block.variants, doc.variant);
return {
key: doc.key,
priority: doc.priority ?? 0,
condition: conditionOf(doc.condition),
variant,
experiment: (doc.experiment && byRule.get(doc.experiment)) || null,
caps: variant ? place.capsOf(variant, doc.caps) : (doc.caps ?? []).map((number) => get(caps, number)),
startsAtMs: doc.starts_at_ms ?? null,
endsAtMs: doc.ends_at_ms ?? null,
};
}
function keyed(items) {
const found = new Map(items.map((item) => [item.key, item]));
if (found.size !== items.length) throw new InvalidSnapshot("a key is there twice");
return found;
}
function get(items, key) {
const found = items.get(key);
if (found === undefined) throw new InvalidSnapshot(`'${key}' is named but not there`);
return found;
}
const URL_SCHEMES = ["http", "https", "mailto", "tel"];
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const DROPPED = /[\0-\x20\x7f-\xa0\u2028\u2029]/g;
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const SPACES = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const ENDS = new RegExp(`^${SPACES}|${SPACES}$`, "g");
function prepared(parts) {
const pieces = parts.map((part) => (typeof part === "string" ? part : filler(part)));
return (values) => pieces.map((piece) => (typeof piece === "string" ? piece : piece(values))).join("");
}
function filler({ path, escape = "text", default: instead = "" }) {
const safe = escape === "url" ? safeUrl : escaped;
return (values) => {
const found = valueAt(path, values);
return safe(found === null ? instead : shownAs(found));
};
}
function valueAt(path, values) {
let found = values;
for (const name of path) {
const isMapping = typeof found === "object" && found !== null && !Array.isArray(found);
if (!isMapping || !Object.hasOwn(found, name)) return null;
found = found[name];
}
return found ?? null;
}
function escaped(text) {
return text.replace(/[&<>"']/g, (mark) => ENTITIES[mark]);
}
function safeUrl(text) {
const bare = text.replace(DROPPED, "");
const scheme = SCHEME.exec(bare);
if (scheme === null) return bare.split(/[/?#]/, 1)[0].includes(":") ? "#" : escaped(text);
return URL_SCHEMES.includes(scheme[0].slice(0, -1).toLowerCase()) ? escaped(text) : "#";
}
function shownAs(value) {
if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
return typeof value === "string" || typeof value === "boolean" ? String(value) : "";
}
function fieldMaker(stored) {
if (typeof stored !== "object" || stored === null) return () => stored;
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
class NotVerified extends Error {
constructor(problem) {
super(problem);
this.name = "NotVerified";
}
}
async function verifiedBy(bytes, signature, jwks) {
const [head, nothing, mac, ...more] = String(signature ?? "").split(".");
if (!head || nothing !== "" || !mac || more.length) throw new NotVerified("not a detached signature");
const header = headerOf(head);
const isOurs = header.alg === "EdDSA" && header.b64 === false && String(header.crit) === "b64";
if (!isOurs) throw new NotVerified("a signature of another kind");
const jwk = jwks.keys.find(({ kid, kty, crv }) => kid === header.kid && kty === "OKP" && crv === "Ed25519");
if (!jwk) throw new NotVerified("signed with a key that is not known");
const key = await crypto.subtle.importKey("raw", bytesOf(jwk.x), { name: "Ed25519" }, false, ["verify"]);
const signed = new Uint8Array(head.length + 1 + bytes.length);
signed.set(new TextEncoder().encode(`${head}.`));
signed.set(bytes, head.length + 1);
if (!(await crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(mac), signed))) {
throw new NotVerified("the signature is not of these bytes");
}
return header.kid;
}
function headerOf(text) {
try {
return Object(JSON.parse(new TextDecoder().decode(bytesOf(text))));
} catch (problem) {
if (problem instanceof SyntaxError) throw new NotVerified("the header is not JSON");
throw problem;
}
}
function bytesOf(text) {
if (!/^[\w-]*$/.test(text)) throw new NotVerified("not base64url");
try {
const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const again = btoa(String.fromCharCode(...bytes));
const same = again.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === text;
if (same) return bytes;
} catch {
}
throw new NotVerified("not base64url");
}
const FORMAT = 1;
const BUCKETING = "growthbook-v2-10000";
const MAX_TTL_S = 60;
const MAX_PLACEMENTS = 50;
const MAX_ID = 64; // characters: of longer ones the server makes another for its buckets
class OlderPublication extends Error {}
async function openPublication(bytes, signature, jwks, { site, least = 0 }) {
await verifiedBy(bytes, signature, jwks);
const doc = JSON.parse(new TextDecoder().decode(bytes));
if (doc.format !== FORMAT || doc.bucketing !== BUCKETING) throw new NotVerified("of another form");
if (doc.site !== site) throw new NotVerified("of another site");
if (doc.number < least) throw new OlderPublication(`${doc.number} is older than ${least}`);
const isHere = ({ origin }) => !origin;
return {
number: doc.number,
validUntilMs: Date.parse(doc.validUntil),
timeZone: doc.timeZone,
snapshot: compileSnapshot({ ...doc, placements: doc.placements.filter(isHere) }),
origins: new Map(doc.placements.filter(({ origin }) => origin).map((place) => [place.key, place])),
};
}
function isFresh(publication, nowMs) {
return nowMs < publication.validUntilMs;
}
function answerOf(publication, question, asker, nowMs) {
const keys = keysOf(question);
if (keys === null || question.userId != null || question.userToken || question.explain || question.preview) {
return null;
}
const id = question.anonymousId ?? "";
if (typeof id !== "string" || id.length > MAX_ID || id.includes("\0")) return null;
const facts = new RequestFacts(question, { ...asker, timeZone: publication.timeZone }, nowMs);
if (isOdd(facts)) return null;
const consent = question.consent?.personalization;
const visitor = { unitId: id, allowed: consent === true };
const entries = [];
for (const key of keys) {
const place = publication.snapshot.places.get(key);
if (!place) return null;
const isPersonal = (place.block.doc.purpose ?? "personalization") === "personalization";
if (isPersonal && typeof consent !== "boolean") return null;
const decision = decidePlacement(publication.snapshot, key, visitor, facts, nowMs);
const variant = place.block.variants.get(decision.variant);
entries.push([key, entryOf(place.block.key, variant.doc, decision, question)]);
}
return wordedAs(publication, entries, nowMs);
}
function defaultsOf(publication, question, nowMs, reason = "ERROR") {
const keys = keysOf(question);
return keys && wordedAs(publication, keys.map((key) => [key, defaultOf(publication, key, reason)]), nowMs);
}
function defaultOf(publication, key, reason = "ERROR") {
const told = { reason, rule: null, experiment: null, arm: null, validUntilMs: null };
const place = publication.snapshot.places.get(key);
const shown = place ? place.isEnabled : publication.origins.get(key)?.enabled;
if (shown === false) told.reason = "DISABLED";
if (place) return entryOf(place.block.key, place.block.default.doc, told, {});
const origin = publication.origins.get(key);
if (origin) return entryOf(origin.block, origin.default, told, {});
return { reason: "ERROR", code: "placement_not_found", trace: null };
}
function keysOf(question) {
if (typeof question !== "object" || question === null || !Array.isArray(question.placements)) return null;
const keys = question.placements.map((asked) => (typeof asked === "string" ? asked : asked?.key));
const isAsked = keys.length > 0 && keys.length <= MAX_PLACEMENTS && new Set(keys).size === keys.length;
const objects = [question.context ?? {}, question.facts ?? {}].every(isMapping);
return isAsked && objects && keys.every((key) => typeof key === "string") ? keys : null;
}
function entryOf(block, doc, told, question) {
const { facts, context } = question;
const values = { traits: {}, segments: {}, facts: facts ?? {}, context: context ?? {}, intensity: 1 };
const fields = Object.entries(doc.fields ?? {}).map(([name, stored]) => [name, fieldMaker(stored)(values)]);
const entry = {
decisionId: null, // Only the server can sign one.
block,
variant: doc.key,
version: doc.version,
locale: null,
fields: Object.fromEntries(fields),
html: doc.template ? prepared(doc.template)(values) : null,
reason: told.reason,
experiment: told.experiment === null ? null : { key: told.experiment, arm: told.arm },
rule: told.rule,
validUntil: told.validUntilMs === null ? null : new Date(told.validUntilMs).toISOString(),
trace: null,
};
return doc.value === undefined ? entry : { ...entry, value: doc.value };
}
function wordedAs(publication, entries, nowMs) {
const untils = entries.flatMap(([, { validUntil }]) => (validUntil ? [Date.parse(validUntil)] : []));
const seconds = Math.floor((Math.min(...untils) - nowMs) / 1000);
return {
requestId: `edge_${crypto.randomUUID()}`,
decidedAt: new Date(nowMs).toISOString(),
snapshot: publication.number,
segmentKey: null,
ttlSeconds: Math.max(1, Math.min(MAX_TTL_S, seconds)),
placements: Object.fromEntries(entries),
};
}
export {
  NotVerified, OlderPublication, answerOf, compileSnapshot, decideInTurn,
  decidePlacement, defaultOf, defaultsOf, isFresh, openPublication,
};

/**
 * A worker for a CDN in front of a site: it answers /v1/decide from the signed publication wherever that can be
 * decided without a stored profile, and gives everything else to the server. See README.md beside it.
 *
 *     ORIGIN           the server, "https://attune.example"
 *     SITE             the site's public id
 *     EDGE_KEY         an edge key (ek_...), a secret of the worker
 *     JWKS             the text of ORIGIN/.well-known/jwks.json; without it, it is fetched from there
 *     TIMEOUT_MS       how long it waits for the server; 2,000 where nothing is said
 *     ALLOWED_ORIGINS  pages of other origins that may read its answers, with commas between
 */

import { OlderPublication, answerOf, defaultOf, defaultsOf, isFresh, openPublication } from "./attune-decide.js";

// What the server says of content, apps/delivery/cached.py and apps/access/cors.py.
const FRESH = "public, max-age=30, s-maxage=60, stale-while-revalidate=300, stale-if-error=86400";
const SHORT = "public, max-age=5";
const EXPOSED = "ETag, Retry-After, RateLimit, RateLimit-Policy, Server-Timing";
const REFRESH_MS = 10_000; // what the server's max-age says
const CONTENT = /^\/v1\/(content|fragments)\/([^/]{1,100})\/?$/;

/** @typedef {{ORIGIN: string, SITE: string, EDGE_KEY: string, JWKS?: string, TIMEOUT_MS?: string, ALLOWED_ORIGINS?: string}} Env */

/** The publication of one site, kept as long as this worker lives. */
class Edge {
  /** @param {Env} env */
  constructor(env) {
    Object.assign(this, { env, publication: null, etag: null, jwks: null, isTrusted: true });
    Object.assign(this, { askedAt: -Infinity, asking: null });
  }

  /** Asks for a newer publication when it is time; waits for it only where there is nothing to go on with. */
  async ready(nowMs, context) {
    if (nowMs - this.askedAt >= REFRESH_MS && !this.asking) {
      this.askedAt = nowMs;
      this.asking = this.refresh(nowMs).finally(() => (this.asking = null));
      context?.waitUntil?.(this.asking);
    }
    if (!this.mayDecide(nowMs)) await this.asking;
  }

  mayDecide(nowMs) {
    return this.publication !== null && this.isTrusted && isFresh(this.publication, nowMs);
  }

  async refresh(nowMs) {
    const headers = { Authorization: `Bearer ${this.env.EDGE_KEY}` };
    if (this.isTrusted && this.etag) headers["If-None-Match"] = this.etag;
    let response, bytes;
    try {
      response = await this.get("/v1/snapshot", headers);
      bytes = new Uint8Array(await response.arrayBuffer());
    } catch (problem) {
      console.warn(`attune: the origin is away (${problem.message})`);
      return; // What is held goes on until its validUntil.
    }
    if (response.status !== 200) {
      if (response.status !== 304) console.warn(`attune: the snapshot is answered ${response.status}`);
      return;
    }
    try {
      await this.take(bytes, response.headers.get("X-Snapshot-Signature"), nowMs);
      [this.etag, this.isTrusted] = [response.headers.get("ETag"), true];
    } catch (problem) {
      // Whoever repeats an older one does not shake the newer one. Anything else that is not what the server
      // signed does: from here on, defaults.
      if (!(problem instanceof OlderPublication)) this.isTrusted = false;
      console.warn(`attune: a snapshot was refused: ${problem.message}`);
    }
  }

  async take(bytes, signature, nowMs) {
    const wanted = { site: this.env.SITE, least: this.publication?.number ?? 0 };
    const open = (jwks) => openPublication(bytes, signature, jwks, wanted);
    let publication;
    if (this.env.JWKS) {
      publication = await open(JSON.parse(this.env.JWKS));
    } else {
      // A key that is not known may be a new one: ask once more.
      this.jwks ??= await this.keys();
      publication = await open(this.jwks).catch(async (problem) => {
        if (problem instanceof OlderPublication) throw problem;
        this.jwks = await this.keys();
        return open(this.jwks);
      });
    }
    if (!isFresh(publication, nowMs)) throw new Error("its validUntil is past");
    this.publication = publication;
  }

  async keys() {
    return (await this.get("/.well-known/jwks.json")).json();
  }

  get(path, headers = {}) {
    return fetch(this.env.ORIGIN + path, { headers, signal: deadlineOf(this.env), cache: "no-store" });
  }
}

/** @type {Map<string, Edge>} */
const edges = new Map();

function edgeOf(env) {
  const name = `${env.ORIGIN} ${env.SITE}`;
  if (!edges.has(name)) edges.set(name, new Edge(env));
  return edges.get(name);
}

async function decide(request, env, context) {
  const bytes = await request.arrayBuffer();
  const nowMs = Date.now();
  const edge = edgeOf(env);
  await edge.ready(nowMs, context);
  const question = isPlain(request.headers) ? parsed(new TextDecoder().decode(bytes)) : null;
  const asker = {
    userAgent: request.headers.get("User-Agent"),
    acceptLanguage: request.headers.get("Accept-Language"),
    country: request.cf?.country ?? request.headers.get("CF-IPCountry"),
  };
  if (edge.publication) {
    // Who asks with a secret key is a server: what its own request says is not about a visitor.
    const answer = isSecret(request.headers) ? null : answerOf(edge.publication, question, asker, nowMs);
    // What it would decide, but may not believe any more: everybody's content.
    if (answer) return told(edge.mayDecide(nowMs) ? answer : defaultsOf(edge.publication, question, nowMs), request, env);
  }
  const passed = await pass(request, env, bytes);
  if (passed) return passed;
  const nothing = { number: 0, snapshot: { places: new Map() }, origins: new Map() };
  const answer = defaultsOf(edge.publication ?? nothing, question, nowMs);
  return answer ? told(answer, request, env) : away();
}

async function content(request, env, context, [, form, name]) {
  const nowMs = Date.now();
  const { searchParams: asked } = new URL(request.url);
  const edge = edgeOf(env);
  await edge.ready(nowMs, context);
  const key = unescaped(name);
  const isOurs = asked.get("site") === env.SITE && edge.publication;
  const isHere = isOurs && !asked.get("sk") && edge.publication.snapshot.places.has(key);
  if (isHere && edge.mayDecide(nowMs)) return shown(request, edge.publication, form, key, FRESH);
  // The address says all that the answer depends on: the network may keep it.
  const passed = await pass(request, env, undefined, { cf: { cacheEverything: true } });
  if (passed || !isOurs) return passed ?? away();
  return shown(request, edge.publication, form, key, SHORT);
}

/** The default content with the headers of the server's answer. */
async function shown(request, publication, form, key, lasts) {
  const { decisionId, validUntil, trace, ...entry } = defaultOf(publication, key, "DEFAULT");
  const headers = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": EXPOSED,
    "X-Request-Id": `edge_${crypto.randomUUID()}`,
  };
  if (entry.code) return new Response(null, { status: 404, headers });
  const tags = [`placement-${key}`, `block-${entry.block}`];
  const isJson = form === "content";
  const body = isJson ? JSON.stringify({ placement: key, snapshot: publication.number, ...entry }) : entry.html ?? "";
  const etag = await etagOf(body);
  Object.assign(headers, { "Cache-Control": lasts, Vary: "Accept-Encoding", ETag: etag });
  Object.assign(headers, { "Surrogate-Key": tags.join(" "), "Cache-Tag": tags.join(",") });
  if (isKnown(etag, request.headers.get("If-None-Match"))) return new Response(null, { status: 304, headers });
  headers["Content-Type"] = isJson ? "application/json" : "text/html; charset=utf-8";
  if (!isJson) Object.assign(headers, { "Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff" });
  return new Response(body, { headers });
}

async function etagOf(body) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body)));
  return `"${[...digest.subarray(0, 12)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/** Networks weaken the ETag of what they compress. */
function isKnown(etag, asked) {
  return (asked ?? "").split(",").some((one) => ["*", etag].includes(one.trim().replace(/^W\//, "")));
}

/** The server's own answer; null when it has none to give. */
async function pass(request, env, body, more = {}) {
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  try {
    const address = `${env.ORIGIN}${url.pathname}${url.search}`;
    const method = request.method;
    body ??= ["GET", "HEAD"].includes(method) ? undefined : await request.arrayBuffer();
    const init = { method, headers, body, signal: deadlineOf(env), redirect: "manual", ...more };
    const response = await fetch(address, init);
    return response.status >= 500 ? null : response;
  } catch {
    return null;
  }
}

function told(answer, request, env) {
  const headers = { "Cache-Control": "private, no-cache", Vary: "Origin", "X-Request-Id": answer.requestId };
  const origin = request.headers.get("Origin");
  if (origin && (env.ALLOWED_ORIGINS ?? "").split(",").includes(origin)) {
    headers["Access-Control-Allow-Origin"] = origin;
  }
  return Response.json(answer, { headers });
}

const deadlineOf = (env) => AbortSignal.timeout(Number(env.TIMEOUT_MS ?? 2_000));

const away = () => new Response(null, { status: 503, headers: { "Retry-After": "1" } });

/** Compressed bodies are the server's to open: it knows how large they may become. */
function isPlain(headers) {
  return ["", "identity"].includes((headers.get("Content-Encoding") ?? "").trim().toLowerCase());
}

/** Whether a call comes with a secret key, in any place that the server looks at. */
function isSecret(headers) {
  const [, scheme, credentials] = /^\s*(\S+)\s+(\S+)/.exec(headers.get("Authorization") ?? "") ?? [];
  const keys = [headers.get("X-API-Key"), scheme?.toLowerCase() === "basic" ? unpacked(credentials) : credentials];
  return keys.some((key) => key?.trim().startsWith("sk_"));
}

function unpacked(base64) {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

/** Part of an address as text; what is none names nothing here. */
function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export default {
  /**
   * @param {Request} request
   * @param {Env} env
   * @param {{waitUntil?: (promise: Promise<unknown>) => void}} [context]
   * @returns {Promise<Response>}
   */
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const asked = CONTENT.exec(pathname);
    if (request.method === "POST" && /^\/v1\/decide\/?$/.test(pathname)) return decide(request, env, context);
    if (request.method === "GET" && asked) return content(request, env, context, asked);
    return (await pass(request, env)) ?? away();
  },
};

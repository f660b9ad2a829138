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
  const text = await request.text();
  const nowMs = Date.now();
  const edge = edgeOf(env);
  await edge.ready(nowMs, context);
  const question = parsed(text);
  const asker = {
    userAgent: request.headers.get("User-Agent"),
    acceptLanguage: request.headers.get("Accept-Language"),
    country: request.cf?.country ?? request.headers.get("CF-IPCountry"),
  };
  if (edge.publication) {
    const answer = answerOf(edge.publication, question, asker, nowMs);
    // What it would decide, but may not believe any more: everybody's content.
    if (answer) return told(edge.mayDecide(nowMs) ? answer : defaultsOf(edge.publication, question, nowMs), request, env);
  }
  const passed = await pass(request, env, text);
  if (passed) return passed;
  const nothing = { number: 0, snapshot: { places: new Map() }, origins: new Map() };
  const answer = defaultsOf(edge.publication ?? nothing, question, nowMs);
  return answer ? told(answer, request, env) : new Response(null, { status: 503, headers: { "Retry-After": "1" } });
}

async function content(request, env, context, [, form, name]) {
  const nowMs = Date.now();
  const { searchParams: asked } = new URL(request.url);
  const edge = edgeOf(env);
  await edge.ready(nowMs, context);
  const key = decodeURIComponent(name);
  const isOurs = asked.get("site") === env.SITE && edge.publication;
  const isHere = isOurs && !asked.get("sk") && edge.publication.snapshot.places.has(key);
  if (isHere && edge.mayDecide(nowMs)) return shown(edge.publication, form, key, "DEFAULT", "public, max-age=30");
  // The address says all that the answer depends on: the network may keep it.
  const passed = await pass(request, env, undefined, { cf: { cacheEverything: true } });
  if (passed || !isOurs) return passed ?? new Response(null, { status: 503, headers: { "Retry-After": "1" } });
  return shown(edge.publication, form, key, "DEFAULT", "public, max-age=5");
}

function shown(publication, form, key, reason, lasts) {
  const { decisionId, validUntil, trace, ...entry } = defaultOf(publication, key, reason);
  const headers = { "Cache-Control": lasts, Vary: "Accept-Encoding" };
  if (entry.code) return new Response(null, { status: 404 });
  if (form === "content") {
    return Response.json({ placement: key, snapshot: publication.number, ...entry }, { headers });
  }
  Object.assign(headers, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "sandbox" });
  return new Response(entry.html ?? "", { headers });
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
  const headers = { "Cache-Control": "private, no-cache", Vary: "Origin" };
  const origin = request.headers.get("Origin");
  if (origin && (env.ALLOWED_ORIGINS ?? "").split(",").includes(origin)) {
    headers["Access-Control-Allow-Origin"] = origin;
  }
  return Response.json(answer, { headers });
}

const deadlineOf = (env) => AbortSignal.timeout(Number(env.TIMEOUT_MS ?? 2_000));

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
    return (await pass(request, env)) ?? new Response(null, { status: 503, headers: { "Retry-After": "1" } });
  },
};

/**
 * Ask again when the server says that the visitor's content may have changed: a membership, a consent, a
 * publication. Only that it may have, never what: the page then decides as it always does.
 *
 * The stream is opened for visitors who agreed to personalization, and closed while nobody looks.
 */

import { retryAfter } from "./transport.js";

const HIDDEN_MS = 120000; // A page out of sight for longer asks when it is looked at again.
const GATHER_MS = 30; // Notices that come together are one question.

/**
 * @param {{transport: object, consent: object, again: () => void,
 *   askedAt: () => Promise<string | undefined>}} options
 *   `again` decides and shows; `askedAt` says when the last answer was decided, by the server's clock, once
 *   the question that is on its way has been answered.
 * @returns {{follow: () => void, end: () => void}} `follow` opens the stream or closes it, as consent and
 *   the page's visibility have it; `end` closes it for good.
 */
export function createLive({ transport, consent, again, askedAt }) {
  let source = null;
  let whose = null; // the visitor whose stream is open or on its way
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
    // Types that come later are not for us.
    if (JSON.parse(data).type === "refetchEvaluation") gathering = gathering || setTimeout(gather, GATHER_MS);
  }

  /** Try again later. The browser does so by itself, unless the answer was no stream at all. */
  function later(response) {
    const wait = retryAfter(response, Math.min(attempt, 6));
    close();
    attempt += 1;
    if (wait !== null) timer = setTimeout(follow, wait);
  }

  async function open(anonymousId) {
    whose = anonymousId;
    const response = await transport.post("/v1/stream/tickets", { anonymousId }).catch(() => null);
    const ticket = response && response.ok ? await response.json().catch(() => null) : null;
    const since = Date.parse(await askedAt());
    if (whose !== anonymousId || source) return; // Closed meanwhile, or somebody else's by now.
    if (!ticket) return later(response);
    const url = new URL(ticket.url, new URL(transport.address("/"), location.href));
    // What changed between the last answer and now is told at once.
    if (since) url.searchParams.set("lastEventId", since + "-0");
    source = new EventSource(url);
    source.onmessage = hear;
    source.onopen = () => (attempt = 0);
    source.onerror = () => source && source.readyState === 2 && later(null);
  }

  function follow() {
    const now = visitor();
    clearTimeout(timer);
    if (now !== whose) close();
    if (!now || !window.EventSource) return;
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

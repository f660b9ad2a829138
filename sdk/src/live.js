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
    // Types that come later are not for us.
    if (notice.type === "refetchEvaluation") gathering = gathering || setTimeout(gather, GATHER_MS);
    // Whoever wants to act on a rule the moment it fires listens for this event on `window`.
    if (notice.type === "trigger") dispatchEvent(new CustomEvent("attune:trigger", { detail: notice }));
  }

  /** Try again later. The browser does so by itself, unless the answer was no stream at all. */
  function later(response) {
    const tries = Math.min(attempt, 6);
    const wait = retryAfter(response, tries);
    close();
    attempt += 1;
    // Not before the server says, and ever later: a full one says the same to every page.
    if (wait !== null) timer = setTimeout(follow, Math.max(wait, retryAfter(null, tries)));
  }

  /** An EventSource that was refused does not say how: ask for the status. */
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
    // With a new ticket, unless the server says when.
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
    // What changed between the last answer and now is told at once.
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

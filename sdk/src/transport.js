/**
 * How a call reaches the API: a "simple" request (text/plain, key in the body), which needs no preflight,
 * so the first decision of a visit is one round trip from any origin.
 */

/** Bytes that `sendBeacon` and `fetch(keepalive)` take; the platform's limit is 65,536 for all in flight. */
export const BEACON_BYTES = 60000;

/** Milliseconds to wait before attempt n (0, 1, 2 ...): doubling from 1 s to 60 s, with jitter. */
function backoff(attempt) {
  return Math.min(60000, 1000 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/**
 * @param {string} host origin of the API, "" for the page's own
 * @param {string} writeKey publishable key
 */
export function createTransport(host, writeKey) {
  const bodyOf = (fields) => JSON.stringify({ ...fields, writeKey });
  const address = (path) => host.replace(/\/+$/, "") + path;

  return {
    address,

    /**
     * POST once. Rejects when the network does; an HTTP error is a response like any other.
     * @param {AbortSignal} [signal]
     */
    post(path, fields, signal) {
      const body = bodyOf(fields);
      return fetch(address(path), {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body,
        signal,
        credentials: "omit",
        // Outlives the page, unless its answer is for this page only. Larger bodies would be refused.
        keepalive: !signal && body.length < BEACON_BYTES / 2,
      });
    },

    /** Hand the body to the browser while the page goes away. False: it did not take it. */
    beacon(path, fields) {
      const body = new Blob([bodyOf(fields)], { type: "text/plain" });
      return Boolean(navigator.sendBeacon && navigator.sendBeacon(address(path), body));
    },
  };
}

/**
 * Milliseconds until a call may be repeated, or null when repeating cannot help.
 * @param {Response | null} response null: the network failed
 * @param {number} attempt calls made so far, less one
 */
export function retryAfter(response, attempt) {
  if (attempt >= 8) return null;
  if (!response) return backoff(attempt);
  if (response.status !== 429 && response.status < 500) return null;
  const seconds = Number(response.headers.get("Retry-After"));
  return seconds > 0 ? Math.min(seconds, 300) * 1000 : backoff(attempt);
}

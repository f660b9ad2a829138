/**
 * Rows on their way to one path: batched, repeated until answered, handed to a beacon when the page goes.
 *
 * Every row keeps the id it was made with, so the server drops what arrives twice: a batch in flight is
 * safely beaconed again when the page is left.
 */

import { BEACON_BYTES, retryAfter } from "./transport.js";

const ROWS_PER_CALL = 20;
const ROWS_HELD = 500; // Offline for long: the oldest go first.

/**
 * @param {{transport: object, path: string, wrap: (rows: object[]) => object, delay: number,
 *   allowed: () => boolean}} options `wrap` makes the body; `delay` in ms gathers rows into one call;
 *   while `allowed` says no, rows wait in memory and nothing is sent.
 */
export function createQueue({ transport, path, wrap, delay, allowed }) {
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

  /** Take rows for one call: at most ROWS_PER_CALL, and small enough for a beacon. */
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

  /** Send `flying`; true when it was settled (stored, or refused for good). */
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

  /** Send what waits now. Resolves when all of it is stored, or the rest waits for a retry. Never rejects. */
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
    /** Forget all of it: consent is gone. What is in flight is not repeated. */
    clear() {
      waiting = [];
      flying = [];
    },
    size: () => waiting.length + flying.length,
  };
}

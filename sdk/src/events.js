/** The envelope of an event (Segment spec), minus who and consent: those are added when it leaves. */

import { newId } from "./ids.js";

export const VERSION = "1.0.0";

/** Facts about the page that an event and a decision both carry. */
export function pageContext() {
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

/**
 * @param {"track" | "page" | "identify"} type
 * @param {object} fields event, name, properties, traits
 */
export function createEvent(type, fields) {
  return {
    type,
    messageId: newId(),
    timestamp: new Date().toISOString(),
    ...fields,
    context: { library: { name: "attune.js", version: VERSION }, ...pageContext() },
  };
}

/**
 * Tell when a decision was really seen: half of its element, or half a screen of it, in the viewport.
 * A decision counts once, however often it comes into view.
 */

const THRESHOLDS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1]; // Tall elements cover the screen below 50 %.

/** @param {(exposure: {decisionId: string, seenAt: string}) => void} report */
export function createExposures(report) {
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
    /** Watch an element that now shows this decision; an earlier decision in it is let go. */
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

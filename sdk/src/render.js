/**
 * Put a decision into the elements that wait for it. What the page already shows is the default: it stays
 * until there is something better, and comes back when consent is withdrawn.
 *
 *   <section data-attune-placement="home.hero">
 *     <h1 data-attune-field="headline">Welcome</h1>
 *     <a data-attune-href="link"><span data-attune-field="cta">Look around</span></a>
 *   </section>
 *
 * Without field elements the placement's HTML (cleaned by the server) replaces the content.
 */

const TARGETS = "[data-attune-field],[data-attune-href],[data-attune-src]";

/** @type {Map<Element, Node>} elements we changed, with a copy of how the page had them */
const originals = new Map();

export function placementElements(root = document) {
  return [...root.querySelectorAll("[data-attune-placement]")];
}

/** A link or picture address from content, or null: `javascript:` and `data:` stay out. */
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

/** Fill the field elements below `element`; returns how many there were to fill. */
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

/**
 * @param {Element} element
 * @param {object} decision one entry of `placements` in the answer of /v1/decide
 * @param {(element: Element, decision: object) => void} [renderer] the page's own way to draw it
 * @returns {boolean} whether the element now shows the decision
 */
export function render(element, decision, renderer) {
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

/** Show again what the page came with. */
export function restoreDefaults() {
  for (const [element, original] of originals) {
    element.replaceChildren(...original.cloneNode(true).childNodes);
    for (const { name } of [...element.attributes]) element.removeAttribute(name);
    for (const { name, value } of original.attributes) element.setAttribute(name, value);
  }
  originals.clear();
}

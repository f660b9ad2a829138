/**
 * Put a decision into the elements that wait for it. What the page already shows is the default: it stays
 * until there is something better, and comes back when consent is withdrawn.
 *
 *   <section data-attune-placement="home.hero">
 *     <h1 data-attune-field="headline">Welcome</h1>
 *     <a data-attune-href="link" data-attune-field="link">Look around</a>
 *     <img data-attune-src="picture" alt="">
 *     <div data-attune-rich="text"></div>
 *     <ul data-attune-list="points"><li></li></ul>
 *   </section>
 *
 * Without field elements the placement's HTML (cleaned by the server) replaces the content.
 */

import { richNodes } from "./rich.js";

const KINDS = {
  Field: (element, value) => (element.textContent = String(value?.text ?? value?.alt ?? value)),
  Href: (element, value) => fillAddress(element, "href", value?.url ?? value),
  Src: fillPicture,
  Rich: (element, value) =>
    element.replaceChildren(richNodes(new DOMParser().parseFromString(value, "text/html").body, safeUrl)),
  List: fillList,
};

/** @type {Map<Element, Node>} elements we changed, with a copy of how the page had them */
const originals = new Map();

export function placementElements(root = document) {
  return [...root.querySelectorAll("[data-attune-placement]")];
}

/** A link or picture address from content, or null: `javascript:` and `data:` stay out. */
function safeUrl(value, attribute) {
  try {
    const url = new URL(String(value), location.href);
    return (attribute === "href" ? /^(https?|mailto|tel):$/ : /^https?:$/).test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function fillAddress(element, attribute, value) {
  const url = safeUrl(value, attribute);
  if (url) {
    element.setAttribute(attribute, url);
    element.hidden = false;
  }
}

/** A picture's address, what it shows, and the point that stays in sight where it is cut. */
function fillPicture(element, value) {
  fillAddress(element, "src", value?.url ?? value);
  if (typeof value?.alt === "string") element.alt = value.alt;
  if (Array.isArray(value?.focal)) {
    element.style.objectPosition = value.focal.map((share) => `${Number(share) * 100}%`).join(" ");
  }
}

/** An element for each text, after the pattern of the first that the page has. */
function fillList(element, value) {
  const pattern = element.firstElementChild ?? document.createElement("li");
  element.replaceChildren();
  for (const text of [value].flat()) {
    const made = pattern.cloneNode(true);
    made.textContent = String(text);
    element.append(made);
  }
}

/** Fill the field elements below `element`; returns how many fillings there were. */
function fillFields(element, fields) {
  let filled = 0;
  for (const kind in KINDS) {
    for (const target of element.querySelectorAll(`[data-attune-${kind.toLowerCase()}]`)) {
      const value = fields[target.dataset[`attune${kind}`]] ?? null;
      if (value === null) continue;
      KINDS[kind](target, value);
      filled += 1;
    }
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

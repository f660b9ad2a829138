/**
 * The consent banner of a site: asks once, is always within reach again, and refuses as easily as it
 * agrees.
 *
 *   AttuneConsent.show(attune, { writeKey: "pk_...", host: "https://attune.example" });
 *
 * It fetches the site's notice without saying who asks, and keeps and sends nothing before a choice;
 * what is chosen goes through the tracker. It lies over the page and so moves nothing in it. No answer,
 * scrolling on or closing is no consent.
 */

import { dress } from "./banner_style.js";
import { createSettings, make } from "./preferences.js";

const ALL = ["functional", "analytics", "personalization", "advertising", "sale"];
const SIGNALLED = ["advertising", "sale"];

/**
 * @typedef {object} Options
 * @property {string} writeKey publishable key of the source
 * @property {string} [host] origin of the API; default: the page's own
 * @property {string} [language] of the notice; default: the page's, else the browser's
 * @property {(choice: object, told: Promise<object | null>) => void} [onChoice] called with each choice;
 *   `told` resolves once the server has it, or it waits to be told
 */

/** @returns {Promise<object | null>} the notice of a site; null: it cannot be had now */
async function fetchNotice({ writeKey, host = "", language }) {
  const wanted = language || document.documentElement.lang || navigator.language;
  const query = new URLSearchParams({ writeKey, language: wanted });
  const response = await fetch(`${host.replace(/\/+$/, "")}/v1/notice?${query}`, { credentials: "omit" }).catch(() => null);
  return response && response.ok ? response.json().catch(() => null) : null;
}

/**
 * Show the banner where a choice is missing, and the way back to it everywhere. Elements of the page
 * with `data-attune-consent` open it, those with `data-attune-withdraw` take back everything; where the
 * page has none of the first kind, the banner brings a button of its own.
 *
 * @param {object} tracker what `Attune.load` returned
 * @param {Options} options
 * @returns {Promise<{open: () => void, withdraw: () => void} | null>} null: there is no notice to show
 */
export async function show(tracker, options) {
  const notice = await fetchNotice(options);
  if (!notice) return null;
  const { words } = notice;
  const signal = tracker.gpc();
  const host = make("attune-consent", { lang: notice.language });
  const root = host.attachShadow({ mode: "open" });
  const openers = () => [...document.querySelectorAll("[data-attune-consent]")];
  const chosen = () => tracker.choice() || {};
  const hasYes = () => ALL.some((purpose) => chosen()[purpose]);
  let opener = null; // what the visitor opened it with: the focus goes back there

  const button = (text, action, className = "") => {
    const made = make("button", { type: "button", textContent: text, className });
    made.addEventListener("click", action);
    return made;
  };
  const refuse = button(words.refuse, () => choose({}, "refuse_all"));
  const accept = button(words.accept, acceptAll);
  const settings = button(words.settings, () => openSettings());
  const close = button(words.close, hide);
  const title = make("h2", { id: "title", tabIndex: -1, textContent: notice.title });
  const place = make("div");
  const panel = make(
    "section",
    { hidden: true },
    title,
    ...notice.lead.split("\n").map((text) => make("p", { textContent: text })),
    ...(signal ? [make("p", { className: "signal", textContent: words.signal })] : []),
    make("div", { className: "answers" }, refuse, accept),
    place,
    make(
      "div",
      { className: "more" },
      settings,
      make("a", { href: notice.page, target: "_blank", rel: "noopener", textContent: words.notice }),
      button(words.more, openCentre),
      close,
    ),
  );
  panel.setAttribute("aria-labelledby", "title");
  const own = button(words.open, () => open(own), "quiet");
  const back = button(words.withdraw, withdraw, "quiet");
  const bar = make("div", { className: "bar" }, own, back);
  const said = make("p", { className: "said" });
  said.setAttribute("role", "status");
  root.append(panel, bar, said);
  dress(root);

  /** Show what fits the choice that stands. */
  function draw() {
    const isOpen = !panel.hidden;
    bar.hidden = isOpen || openers().length > 0;
    back.hidden = !hasYes();
    close.hidden = !tracker.choice();
    for (const element of openers()) element.setAttribute("aria-expanded", isOpen);
    for (const element of document.querySelectorAll("[data-attune-withdraw]")) element.hidden = !hasYes();
    // What has the focus in the page is scrolled to above the banner, never to behind it.
    document.documentElement.style.scrollPaddingBottom = isOpen ? `${panel.offsetHeight}px` : "";
  }

  function open(from) {
    opener = from || null;
    place.replaceChildren();
    settings.hidden = false;
    panel.hidden = false;
    draw();
    // Only for who asked for it: on arrival the focus stays where the visitor has it.
    if (from) title.focus();
  }

  function openSettings() {
    const save = (purposes) => choose(purposes, "save", SIGNALLED.some((purpose) => purposes[purpose]));
    const form = createSettings(notice, chosen(), signal, save);
    place.replaceChildren(form);
    settings.hidden = true;
    draw();
    form.querySelector("input").focus();
  }

  function hide() {
    const hadFocus = root.activeElement !== null;
    panel.hidden = true;
    draw();
    if (hadFocus && (opener || !bar.hidden)) (opener && opener.isConnected ? opener : own).focus();
  }

  /** All but what the browser itself has opted out of: that takes a box of its own. */
  function acceptAll() {
    const offered = notice.purposes.flatMap(({ sends }) => sends);
    const wanted = offered.filter((purpose) => !(signal && SIGNALLED.includes(purpose)));
    choose(Object.fromEntries(wanted.map((purpose) => [purpose, true])), "accept_all");
  }

  function withdraw() {
    choose({}, "withdraw");
    (openers()[0] || own).focus();
  }

  async function choose(purposes, control, despite = false) {
    const told = tracker.consent(purposes, { despite, control, language: notice.language });
    hide();
    said.textContent = words.saved;
    if (options.onChoice) options.onChoice(tracker.choice(), told);
    await told;
    draw();
  }

  /** The page with everything: by a link that knows this browser, where it has a name at all. */
  async function openCentre() {
    const person = tracker.person();
    const asks = person.anonymousId && tracker.transport.post("/v1/consent/link", person).catch(() => null);
    const response = await asks;
    const answer = response && response.ok ? await response.json().catch(() => null) : null;
    location.assign(answer ? answer.url : notice.preferences);
  }

  document.addEventListener("click", ({ target }) => {
    const from = target.closest && target.closest("[data-attune-consent]");
    if (from) panel.hidden ? open(from) : hide();
    else if (target.closest && target.closest("[data-attune-withdraw]")) withdraw();
  });
  addEventListener("attune:consent", draw);
  root.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.body.prepend(host);
  const mustAsk = tracker.notice(notice.version, notice.lasting);
  if (mustAsk) open();
  else draw();
  return { open: () => open(document.activeElement), withdraw };
}

/** Start by the attributes of the script's own element: data-write-key, data-host, data-language. */
export function startBeside(script) {
  const { writeKey, host, language } = (script && script.dataset) || {};
  if (!writeKey || !globalThis.Attune) return;
  globalThis.attune = globalThis.attune || globalThis.Attune.load({ writeKey, host });
  show(globalThis.attune, { writeKey, host, language });
}

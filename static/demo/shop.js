/**
 * The demo shop in the browser: what any site would write around the tracker. It asks for consent, tells
 * which products are looked at, lets decisions fill the page, and says why.
 */
(() => {
  "use strict";

  const settings = document.getElementById("shop-settings");
  if (!settings || !globalThis.Attune) return;

  const options = JSON.parse(settings.textContent);
  const attune = globalThis.Attune.load(options);
  const products = new Map(
    JSON.parse(document.getElementById("shop-catalogue").textContent).map((one) => [one.id, one]),
  );
  const CATEGORIES = ["trousers", "skirts", "blouses", "sale"];
  const one = (selector, root = document) => root.querySelector(selector);
  const announce = (text) => (one("[data-announce]").textContent = text);
  const sent = [];

  /* Consent */

  function showConsent() {
    const choice = attune.choice();
    const granted = Boolean(choice && Object.values(choice).includes(true));
    const words = !choice
      ? "Demo shop of Attune"
      : choice.personalization
        ? "Personalized"
        : granted
          ? "Not personalized"
          : "Not followed";
    one("[data-consent-state]").textContent = words;
    document.body.dataset.consent = granted ? "granted" : "none";
    const hint = one("[data-hint]");
    if (hint && choice) {
      const both = choice.analytics && choice.personalization;
      hint.textContent = both
        ? "Noted. The front page will follow: have a look."
        : "The front page stays as it is for everyone: that was your choice.";
    }
    showKnown();
  }

  async function chosen(choice, told) {
    showConsent();
    announce(choice.personalization ? "Saved. The page follows your visit." : "Saved. The page stays the same for everyone.");
    await told;
    showConsent();
    await attune.flush();
    await fillPage();
  }

  /* What the visitor does */

  function tell(label, action) {
    action();
    sent.push(label);
  }

  function tellVisit() {
    tell("page viewed", () => attune.page(document.body.dataset.page));
    const viewed = one("[data-viewed]");
    const product = viewed && products.get(viewed.dataset.viewed);
    if (product) {
      tell(`Product Viewed: ${product.id}, ${product.category}`, () =>
        attune.track("Product Viewed", {
          product_id: product.id,
          category: product.category,
          price: product.price,
          currency: "USD",
        }),
      );
    }
    showKnown();
  }

  function showKnown() {
    const choice = attune.choice();
    const granted = choice && Object.keys(choice).filter((name) => choice[name]);
    const put = (name, text) => (one(`[data-knows="${name}"]`).textContent = text);
    put("choice", choice ? granted.join(" and ") || "nothing" : "none yet");
    put("id", attune.anonymousId() || "none");
    put("sent", choice && choice.analytics ? sent.join("; ") || "nothing" : "nothing");
  }

  /* What Attune decides */

  const use = (root, drawing) => {
    const element = one("use", root);
    element.setAttribute("href", `${element.getAttribute("href").split("#")[0]}#${drawing}`);
  };

  const WHYS = {
    followed_by: "Others looked at it next",
    liked_by_like_minded: "Liked by people with your tastes",
    similar: "Liked together with what you saw",
    like_this: "Like what you saw",
    popular: "Popular",
    new: "New here",
    exploring: "Put here by chance, to learn",
  };
  const FOR_ALL = ["popular", "new", "exploring"];

  function card(product, why) {
    const item = one("#card-template").content.firstElementChild.cloneNode(true);
    item.dataset.product = product.id;
    one("a", item).href = product.url;
    one(".tile", item).dataset.colour = product.colour;
    one(".card-name", item).textContent = product.name;
    one(".card-code", item).textContent = product.id;
    one(".card-price", item).textContent = `$${product.price}`;
    use(item, product.drawing);
    one(".card-why", item).textContent = WHYS[why] || "";
    return item;
  }

  /** Items come as codes. One that the shop does not sell, or that is on show already, is left out. */
  function drawRow(element, decision) {
    const here = one("[data-viewed]");
    const items = (decision.items || []).filter(
      (item) => products.has(item.id) && !(here && here.dataset.viewed === item.id),
    );
    items.length = Math.min(items.length, Number(element.dataset.rowLimit));
    if (!items.length) return;
    element.replaceChildren(...items.map((item) => card(products.get(item.id), item.why)));
    element.scrollLeft = 0;
    const personal = items.filter((item) => !FOR_ALL.includes(item.why)).length;
    one("[data-row-note]").textContent = personal
      ? `${personal} of ${items.length} chosen by what you looked at`
      : "What most visitors look at";
  }

  /** The banner's words are filled by the tracker; its colour, drawing and link follow the category. */
  function dressHero(hero, decision) {
    const fields = decision.fields || {};
    const hints = [fields.category, decision.variant].map((hint) => String(hint || "").toLowerCase());
    const category = CATEGORIES.find((name) => hints.some((hint) => hint.includes(name))) || "home";
    const changed = hero.dataset.category !== category;
    hero.dataset.category = category;
    if (one(".scene use", hero)) use(hero, `scene-${category}`);
    const button = one("[data-attune-href]", hero);
    if (button && !fields.link && category !== "home") {
      button.href = `${one(".wordmark").getAttribute("href").replace(/\/?$/, "/")}${category}/`;
    }
    if (!changed) return;
    hero.classList.remove("arrived");
    void hero.offsetWidth; // Restarts the animation.
    hero.classList.add("arrived");
    if (category !== "home") announce(`The banner now shows ${category}.`);
  }

  const REASONS = {
    NO_CONSENT: () => {
      const choice = attune.choice();
      if (!choice) return "It is what everyone sees: you have not agreed to more, and nothing is stored.";
      return choice.personalization
        ? "It is what everyone sees: your answer has not arrived yet."
        : "It is what everyone sees: you did not agree to personalization.";
    },
    TARGETING_MATCH: () => "It was chosen by what you looked at in this visit.",
    SPLIT: () => "It was dealt to you by chance: this shop compares two versions.",
    HOLDOUT: () => "It is what everyone sees: you are one of a few for whom nothing is personalized.",
    DEFAULT: () => "It is what everyone sees at first. Look at a product, then come back.",
    DISABLED: () => "Personalization is switched off for this banner.",
    STALE: () => "It was chosen by what was last known of this visit.",
  };

  function explain(answer, decision, milliseconds) {
    const note = one("[data-why]");
    if (!note) return;
    const facts = [];
    if (!decision) {
      note.textContent = "It is what the page came with: no answer arrived in time.";
    } else {
      const words = REASONS[decision.reason];
      note.textContent = words ? words() : "It was chosen by a rule of this shop.";
      facts.push(["Reason", decision.reason]);
      if (decision.variant) facts.push(["Variant", `${decision.variant}, version ${decision.version}`]);
      const dealt = decision.experiment;
      if (dealt) facts.push(["Experiment", `${dealt.key}, arm ${dealt.arm}`]);
      if (decision.rule) facts.push(["Rule", decision.rule]);
      facts.push(["Publication", `number ${answer.snapshot}`]);
      facts.push(["Answered in", `${Math.round(milliseconds)} ms`]);
    }
    const rows = facts.map(([name, value]) => {
      const row = document.createElement("div");
      row.append(document.createElement("dt"), document.createElement("dd"));
      row.firstChild.textContent = name;
      row.lastChild.textContent = value;
      return row;
    });
    one("[data-why-facts]").replaceChildren(...rows);
  }

  async function fillPage() {
    const row = one("[data-row-limit]");
    const hero = one('[data-attune-placement="home.hero"]');
    if (!row && !hero) return;
    const started = performance.now();
    const answer = await attune.decide(
      [
        ...(hero ? ["home.hero"] : []),
        ...(row ? [{ key: "home.recs", limit: Number(row.dataset.rowLimit) + 1 }] : []),
      ],
      { renderers: { "home.recs": drawRow } },
    );
    const decision = answer && (answer.placements || {})["home.hero"];
    if (hero && decision && decision.reason !== "ERROR") dressHero(hero, decision);
    explain(answer, decision, performance.now() - started);
  }

  async function visit() {
    tellVisit();
    // The row beside a product is about that product: its view goes first.
    if (one("[data-viewed]")) await attune.flush();
    await fillPage();
  }

  addEventListener("attune:consent", showConsent);
  showConsent();
  visit();
  // Asks whoever has not answered yet; the bar's buttons open it again, and take everything back.
  if (globalThis.AttuneConsent) globalThis.AttuneConsent.show(attune, { ...options, onChoice: chosen }).then(showConsent);
  // An open page follows what becomes known elsewhere: in another tab, by the passage of time.
  attune.live(fillPage);
  addEventListener("pageshow", (event) => {
    // Back from the browser's own cache: a new view, and the front page may have changed meanwhile.
    if (!event.persisted) return;
    showConsent();
    visit();
  });
})();

// Beside a placement's key: a list of the variants of its block, in place of a key to type.

import { el } from "../conditions/elements.js";

const settings = document.querySelector("[data-variant-offers]");
const placement = document.getElementById("id_placement");
const variant = document.getElementById("id_variant");

const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
const site = () => settings.dataset.site || document.getElementById("id_site")?.value || "";

async function offered() {
  const response = await fetch(settings.dataset.variantOffers, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify({ site: site(), placement: placement.value }),
  });
  return response.ok ? response.json() : { variants: [], block: "" };
}

async function start() {
  const list = el("select", { id: "variant-list", "aria-label": "Variant", class: "offered-variants" });
  variant.after(list);
  list.addEventListener("change", () => {
    variant.value = list.value;
    variant.dispatchEvent(new Event("change", { bubbles: true }));
  });
  let asked = null;
  const ask = async () => {
    if (asked === placement.value + site()) return;
    asked = placement.value + site();
    const mine = asked;
    const { variants, block } = await offered();
    if (mine !== asked) return; // another placement was chosen meanwhile
    const known = variants.some((one) => one.key === variant.value);
    list.replaceChildren(
      el("option", { value: "" }, block ? `Choose a variant of ${block}` : "Choose a placement first"),
      ...variants.map((one) => el("option", { value: one.key }, one.isDefault ? `${one.name} (default)` : one.name)),
    );
    list.value = known ? variant.value : "";
    list.disabled = !variants.length;
    // A key that was typed and does not fit stays in sight, so that nothing is lost in silence.
    variant.hidden = known || !variant.value;
  };
  placement.addEventListener("change", ask);
  placement.addEventListener("input", ask);
  document.getElementById("id_site")?.addEventListener("change", ask);
  await ask();
}

if (settings && placement && variant && !variant.readOnly) start();

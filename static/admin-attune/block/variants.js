// A block's variants one at a time: as tabs, on a narrow page as a list to choose from. The default
// comes first. What is not shown is on the page all the same, and sent with it.

import { el } from "../conditions/elements.js";

export function variants(section, dress) {
  const prefix = section.dataset.variants;
  const bar = section.querySelector(".variant-bar");
  const total = section.querySelector(`[name="${prefix}-TOTAL_FORMS"]`);
  const blank = section.querySelector("template.new-variant");
  const link = section.querySelector(".add-variant");
  const all = () => [...section.querySelectorAll(":scope > article.variant:not([data-dropped])")];
  let shown = null;

  const nameOf = (variant) => variant.querySelector('[name$="-name"]')?.value.trim() || variant.dataset.name;
  const keyOf = (variant) => variant.id.replace(/^variant-/, "");
  const isDefault = (variant) => variant.querySelector('[name$="-is_default"]')?.checked ?? variant.hasAttribute("data-default");

  const show = (variant, focus) => {
    shown = variant;
    for (const one of all()) one.hidden = one !== variant;
    draw();
    if (focus === "tab") bar.querySelector("[aria-selected=true]")?.focus();
    if (focus === "name") variant.querySelector('[name$="-name"]')?.focus();
  };
  const marks = (variant) => {
    if (variant.classList.contains("has-errors")) return [" ", el("span", { class: "tab-mark is-bad" }, "needs a look")];
    const state = variant.querySelector("[data-state]")?.dataset.state;
    if (state === "warn") return [" ", el("span", { class: "tab-mark is-warn" }, "changed")];
    if (state === "info") return [" ", el("span", { class: "tab-mark is-info" }, "new")];
    return [];
  };
  const step = (from, by) => {
    const listed = all();
    show(listed[(listed.indexOf(from) + by + listed.length) % listed.length], "tab");
  };
  const draw = () => {
    const listed = all();
    const tabs = listed.map((variant) =>
      el("button", {
        type: "button",
        role: "tab",
        id: `tab-${variant.dataset.variant}`,
        "aria-selected": String(variant === shown),
        "aria-controls": variant.id,
        tabindex: variant === shown ? "0" : "-1",
        on: {
          click: () => show(variant, "tab"),
          keydown: (event) => {
            const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (!by) return;
            event.preventDefault();
            step(variant, by);
          },
        },
      }, isDefault(variant) ? el("span", { class: "tab-default" }, "Default") : "", isDefault(variant) && nameOf(variant) === "Default" ? "" : nameOf(variant), ...marks(variant)),
    );
    const list = el("select", { id: `${prefix}-list`, "aria-label": "Variant", on: { change: () => show(listed[list.selectedIndex]) } },
      listed.map((variant) => el("option", { selected: variant === shown }, `${nameOf(variant)}${isDefault(variant) ? " (default)" : ""}${variant.classList.contains("has-errors") ? " (needs a look)" : ""}`)));
    bar.replaceChildren(
      el("div", { class: "variant-tabs", role: "tablist", "aria-label": "Variants" }, tabs),
      el("div", { class: "variant-list" }, list),
      blank ? el("button", { type: "button", class: "button quiet-button", on: { click: add } }, "Add a variant") : "",
    );
    for (const variant of listed) {
      variant.setAttribute("role", "tabpanel");
      variant.setAttribute("aria-labelledby", `tab-${variant.dataset.variant}`);
    }
  };

  const add = () => {
    const number = total.value;
    const made = document.importNode(blank.content, true).querySelector("article");
    for (const one of [made, ...made.querySelectorAll("*")]) {
      for (const attribute of [...one.attributes]) {
        if (attribute.value.includes("__prefix__")) one.setAttribute(attribute.name, attribute.value.replaceAll("__prefix__", number));
      }
    }
    made.id = `variant-new-${number}`;
    total.value = Number(number) + 1;
    const last = all().at(-1);
    if (last) last.after(made);
    else section.insertBefore(made, blank);
    if (!all().some((variant) => variant !== made && isDefault(variant))) {
      const box = made.querySelector('[name$="-is_default"]');
      if (box) box.checked = true;
    }
    made.querySelector(".variant-head").append(el("span", { class: "variant-tools" }, el("button", { type: "button", class: "button quiet-button", on: { click: () => drop(made) } }, "Remove")));
    ready(made);
    dress(made);
    show(made, "name");
  };
  // A form that was never saved: emptied, the server takes it for none.
  const drop = (variant) => {
    const at = all().indexOf(variant);
    variant.dataset.dropped = "";
    variant.hidden = true;
    for (const input of variant.querySelectorAll("input, textarea, select")) {
      if (input.type === "checkbox") input.checked = false;
      else if (input.name.endsWith("-priority")) input.value = "0";
      else if (!input.name.endsWith("-block")) input.value = input.tagName === "SELECT" ? (input.options[0]?.value ?? "") : "";
    }
    const rest = all();
    if (rest.length) show(rest[Math.min(at, rest.length - 1)], "tab");
    else draw();
  };
  const ready = (variant) => {
    languages(variant);
    preview(variant.querySelector("[data-frame]"));
    variant.addEventListener("input", (event) => {
      if (/-(name|is_default)$/.test(event.target.name ?? "")) draw();
    });
  };

  link?.remove();
  bar.hidden = false;
  all().forEach(ready);
  const named = all().find((variant) => `#variant-${keyOf(variant)}` === location.hash);
  const first = all().find((variant) => variant.classList.contains("has-errors")) ?? named ?? all()[0];
  if (first) show(first);
  else draw();
  window.addEventListener("hashchange", () => {
    const found = all().find((variant) => `#variant-${keyOf(variant)}` === location.hash);
    if (found) show(found, "tab");
  });
}

// The saved draft in a frame that can do nothing, fetched once somebody wants to see it.
function preview(box) {
  box?.addEventListener("toggle", () => {
    if (!box.open || box.querySelector("iframe")) return;
    box.append(el("iframe", { src: box.dataset.frame, sandbox: "", title: "How the saved draft looks", loading: "lazy" }));
  });
}

// The same content in other languages: one at a time, as tabs.
function languages(variant) {
  const parts = [...variant.querySelectorAll("fieldset.in-language")];
  if (parts.length < 2) return;
  const words = parts.map((part) => part.querySelector(".fieldset-heading").textContent.trim().replace(/^Content in /, ""));
  const bar = el("div", { class: "language-tabs", role: "tablist", "aria-label": "Language" });
  const show = (place, focus) => {
    parts.forEach((part, index) => {
      part.hidden = index !== place;
      bar.children[index].setAttribute("aria-selected", String(index === place));
      bar.children[index].tabIndex = index === place ? 0 : -1;
    });
    if (focus) bar.children[place].focus();
  };
  parts.forEach((part, index) => {
    part.id ||= `${variant.id}-language-${index}`;
    part.setAttribute("role", "tabpanel");
    const isSaid = [...part.querySelectorAll("textarea, input:not([type=hidden])")].some((input) => input.value.trim() && input.type !== "checkbox");
    const hasErrors = part.querySelector(".errorlist") !== null;
    bar.append(
      el("button", {
        type: "button",
        role: "tab",
        "aria-controls": part.id,
        on: {
          click: () => show(index),
          keydown: (event) => {
            const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (by) show((index + by + parts.length) % parts.length, true);
          },
        },
      }, words[index], hasErrors ? el("span", { class: "tab-mark is-bad" }, "needs a look") : isSaid || index === 0 ? "" : el("span", { class: "tab-mark" }, "falls back")),
    );
  });
  parts[0].before(bar);
  const faulty = parts.findIndex((part) => part.querySelector(".errorlist"));
  show(Math.max(0, faulty));
}

// Some of many, as chips with a search. The text input beneath holds the keys and is what is sent.

import { el } from "../conditions/elements.js";

let count = 0;

export function chips(input) {
  if (input.dataset.isChips) return;
  input.dataset.isChips = "yes";
  const noun = input.dataset.noun;
  const most = Number(input.dataset.most) || Infinity;
  const names = new Map(JSON.parse(input.dataset.chosen || "[]"));
  const id = `chips-${(count += 1)}`;
  const keys = () => input.value.split(",").map((key) => key.trim()).filter(Boolean);
  const siteId = () => input.dataset.site || input.form?.elements.site?.value || "";

  const chosen = el("ul", { class: "chips", "aria-label": `Chosen: ${noun}` });
  const search = el("input", {
    type: "text",
    id: `${input.id}-search`,
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: `Search a ${noun} …`,
    "aria-expanded": "false",
    "aria-controls": id,
    "aria-autocomplete": "list",
    "aria-describedby": input.getAttribute("aria-describedby"),
  });
  const list = el("ul", { id, role: "listbox", class: "chip-offers", hidden: true, "aria-label": noun });
  const status = el("p", { class: "chip-status quiet", role: "status" });
  const box = el("div", { class: "chip-box" }, chosen, el("div", { class: "chip-search" }, search, list), status);
  input.type = "hidden";
  input.after(box);
  document.querySelector(`label[for="${input.id}"]`)?.setAttribute("for", search.id);
  let active = -1;
  let timer = 0;
  let asked = 0;

  const write = (after) => {
    input.value = after.join(", ");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    draw();
  };
  const draw = () => {
    const now = keys();
    chosen.replaceChildren(
      ...now.map((key) =>
        el("li", { class: "chip" }, names.get(key) ?? key, el("button", {
          type: "button",
          class: "chip-remove",
          "aria-label": `Take away ${names.get(key) ?? key}`,
          on: { click: () => take(key) },
        }, "×")),
      ),
    );
    chosen.hidden = now.length === 0;
  };
  const take = (key) => {
    write(keys().filter((one) => one !== key));
    status.textContent = `${names.get(key) ?? key} was taken away`;
    search.focus();
  };
  const add = (key, name) => {
    names.set(key, name);
    write(most === 1 ? [key] : [...new Set([...keys(), key])].slice(-most));
    status.textContent = `${name} was added`;
    search.value = "";
    close();
  };
  const close = () => {
    list.hidden = true;
    active = -1;
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
  };
  const options = () => [...list.querySelectorAll("[role=option]")];
  const mark = (place) => {
    const all = options();
    if (!all.length) return;
    active = (place + all.length) % all.length;
    all.forEach((one, index) => one.setAttribute("aria-selected", String(index === active)));
    search.setAttribute("aria-activedescendant", all[active].id);
    all[active].scrollIntoView({ block: "nearest" });
  };
  const open = async () => {
    const mine = (asked += 1);
    const query = new URLSearchParams({ kind: input.dataset.choose, site: siteId(), q: search.value.trim() });
    let answer;
    if (!siteId()) {
      status.textContent = "Choose the site first.";
      return;
    }
    try {
      const response = await fetch(`${input.dataset.offers}?${query}`, { headers: { Accept: "application/json" } });
      answer = await response.json();
      if (!response.ok) throw new Error(answer.message);
    } catch (error) {
      status.textContent = error instanceof TypeError ? "The server did not answer. Try again." : error.message;
      return;
    }
    if (mine !== asked) return; // a later question is on its way
    const now = new Set(keys());
    const found = answer.found.filter((one) => !now.has(one.key));
    list.replaceChildren(
      ...found.map((one, index) =>
        el("li", { role: "option", id: `${id}-${index}`, "aria-selected": "false", on: {
          mousedown: (event) => event.preventDefault(),
          click: () => add(one.key, one.name),
        } }, el("span", {}, one.name), el("span", { class: "quiet" }, one.note)),
      ),
    );
    list.hidden = found.length === 0;
    search.setAttribute("aria-expanded", String(found.length > 0));
    active = -1;
    if (!found.length) status.textContent = answer.found.length ? "All that fit are chosen." : `No ${noun} fits.`;
    else status.textContent = answer.more ? "There are more: type to find them." : "";
  };
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(open, 150);
  });
  search.addEventListener("click", () => list.hidden && open());
  search.addEventListener("blur", () => setTimeout(close, 120));
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) open().then(() => mark(0));
      else mark(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault(); // never saves the page from within a search
      options()[active < 0 && options().length === 1 ? 0 : active]?.click();
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    } else if (event.key === "Backspace" && search.value === "" && keys().length) {
      take(keys().at(-1));
    }
  });
  // What the browser or the keeper puts back is drawn, too.
  input.addEventListener("restored", draw);
  draw();
}

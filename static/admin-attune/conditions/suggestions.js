// Values that a property or a trait has really had, offered while somebody writes one.

import { ask, canAsk } from "./asking.js";
import { button, el } from "./elements.js";

const PAUSE_MS = 200;
const shown = (value) => (value === true ? "yes" : value === false ? "no" : String(value));

// Offer values to a field of one value. `about()` says of what: {of, name, event?}; `taken(value)`
// is told when somebody wrote a value that is of another kind than the field: 5, not "5".
export function suggestValues(field, about, taken) {
  if (!canAsk()) return;
  const list = el("datalist", { id: `${field.id}-values` });
  let timer;
  let last = null;
  let offered = [];
  const look = async () => {
    const asked = about();
    if (!asked?.name) return;
    const body = { ...asked, prefix: field.value };
    const key = JSON.stringify(body);
    if (key === last) return;
    last = key;
    try {
      const { values } = await ask("values", body);
      if (key !== last) return;
      offered = values;
      list.replaceChildren(...values.map((value) => el("option", { value: shown(value) })));
    } catch {
      // Only a help: the field takes whatever is typed.
    }
  };
  field.addEventListener("focus", () => {
    if (!list.isConnected) {
      field.after(list);
      field.setAttribute("list", list.id);
    }
    look();
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });
  field.addEventListener("change", () => {
    const chosen = offered.find((value) => shown(value) === field.value);
    if (chosen !== undefined && typeof chosen !== "string" && field.type !== "number") taken?.(chosen);
  });
}

// The same for a field of several values, one a line: as buttons that add one.
export function suggestLines(area, about, taken) {
  if (!canAsk()) return "";
  const made = el("span", { class: "ce-seen" });
  area.addEventListener("focus", async () => {
    const asked = about();
    if (!asked?.name) return;
    try {
      const { values } = await ask("values", { ...asked, prefix: "" });
      const there = new Set(area.value.split("\n"));
      const rest = values.filter((value) => !there.has(shown(value))).slice(0, 8);
      made.replaceChildren(...rest.map((value) => button(`+ ${shown(value)}`, () => taken(value), { class: "ce-button ce-add" })));
    } catch {
      // As above.
    }
  });
  return made;
}

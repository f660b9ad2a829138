// A block's fields as a list to click and drag. The textarea beneath holds the lines that are sent:
// "headline: string required # What is read first".

import { button, el, select } from "../conditions/elements.js";

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

function read(text) {
  const found = [];
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    const [, name, rest] = line.match(/^([^:]*):(.*)$/) ?? [];
    if (name === undefined) return null;
    const [words, ...help] = rest.split("#");
    const [type, required, more] = words.trim().split(/\s+/);
    if (more || (required && required !== "required")) return null;
    found.push({ name: name.trim(), type, required: Boolean(required), help: help.join("#").trim() });
  }
  return found;
}

function written(fields) {
  const line = (one) => `${one.name}: ${one.type}${one.required ? " required" : ""}${one.help ? ` # ${one.help.replaceAll("\n", " ")}` : ""}`;
  return fields.map(line).join("\n");
}

// Inputs of variants that a renamed field goes by; what was typed there comes along.
function rename(before, after) {
  if (!NAME.test(after)) return;
  for (const input of document.querySelectorAll(`[name*="field_${before}"]`)) {
    input.name = input.name.replace(new RegExp(`field_${before}(?=$|_url$|_text$|_alt$|_focal$|_asset$|_recommender$|_limit$)`), `field_${after}`);
  }
}

export function fieldList(lines) {
  const types = lines.dataset.types.split("\n").map((line) => line.split("="));
  let fields = read(lines.value);
  if (fields === null) return; // odd lines: the text itself is the form
  const list = el("ol", { class: "field-rows" });
  const status = el("p", { class: "visually-hidden", role: "status" });
  const write = () => {
    lines.value = written(fields);
    lines.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const move = (from, to, focus) => {
    if (to < 0 || to >= fields.length) return;
    const [one] = fields.splice(from, 1);
    fields.splice(to, 0, one);
    write();
    draw();
    status.textContent = `${one.name || "The field"} is now number ${to + 1} of ${fields.length}`;
    if (focus) list.children[to].querySelector(`[data-does=${focus}]`)?.focus();
  };
  const row = (one, index) => {
    const id = `field-row-${index}`;
    const fault = el("p", { class: "field-fault", id: `${id}-fault`, hidden: true });
    const name = el("input", { id: `${id}-name`, type: "text", value: one.name, spellcheck: "false", autocomplete: "off", placeholder: "headline", "aria-describedby": `${id}-fault` });
    const judge = () => {
      const twice = fields.filter((other) => other.name === one.name).length > 1;
      const wrong = !NAME.test(one.name) ? "A name has letters, digits and _, and begins with a letter." : twice ? "Another field has this name." : "";
      fault.textContent = wrong;
      fault.hidden = !wrong;
      name.toggleAttribute("aria-invalid", Boolean(wrong));
    };
    let sent = one.name;
    name.addEventListener("input", () => {
      one.name = name.value.trim();
      write();
    });
    name.addEventListener("change", () => {
      judge();
      relabel();
      if (sent && sent !== one.name && NAME.test(one.name)) {
        rename(sent, one.name);
        sent = one.name;
      }
    });
    const type = select(`${id}-type`, types, one.type, (value) => {
      one.type = value;
      write();
    });
    const must = el("input", { id: `${id}-must`, type: "checkbox", checked: one.required, on: { change: () => {
      one.required = must.checked;
      write();
    } } });
    const help = el("input", { id: `${id}-help`, type: "text", value: one.help, maxlength: "200", placeholder: "What editors should know", on: { input: () => {
      one.help = help.value.replaceAll("#", "").trim();
      write();
    } } });
    const label = (text, target) => el("label", { for: target.id }, text);
    const called = () => one.name || `field ${index + 1}`;
    const up = button("↑", () => move(index, index - 1, "up"), { "data-does": "up", disabled: index === 0 });
    const down = button("↓", () => move(index, index + 1, "down"), { "data-does": "down", disabled: index === fields.length - 1 });
    const remove = button("Remove", () => {
      fields.splice(index, 1);
      write();
      draw();
      status.textContent = `${called()} was removed`;
      note.hidden = false;
      add.focus();
    });
    const relabel = () => {
      up.setAttribute("aria-label", `Move ${called()} up`);
      down.setAttribute("aria-label", `Move ${called()} down`);
      remove.setAttribute("aria-label", `Remove ${called()}`);
    };
    relabel();
    const tools = el("span", { class: "field-tools" }, up, down, remove);
    return el("li", { class: "field-row" },
      el("span", { class: "field-grip", "aria-hidden": "true" }, "⠿"),
      el("div", { class: "field-name" }, label("Name", name), name, fault),
      el("div", {}, label("What it holds", type), type),
      el("div", { class: "field-must" }, must, label("required", must)),
      el("div", { class: "field-help" }, label("Help for editors", help), help),
      tools);
  };
  const draw = () => list.replaceChildren(...fields.map(row));
  const note = el("p", { class: "field-note", hidden: true }, "What variants say in a removed field goes when you save. History brings it back.");
  const add = button("Add a field", () => {
    fields.push({ name: "", type: "string", required: false, help: "" });
    draw();
    list.lastElementChild.querySelector("input").focus();
  }, { class: "button" });
  const empty = () => (fields.length ? "" : "No fields yet.");
  const raw = el("details", { class: "field-lines" }, el("summary", {}, "As text"));
  lines.before(list, note, el("p", { class: "field-add" }, add), status, raw);
  raw.append(lines);
  lines.addEventListener("change", () => {
    const found = read(lines.value);
    if (found === null) return;
    fields = found;
    draw();
  });
  list.dataset.empty = empty();
  draw();
  drag(list, move);
}

// The pointer moves rows with the library; its change of the page is taken back and made by `move`.
async function drag(list, move) {
  await import("../../vendor/sortablejs-1.15.7/Sortable.min.js");
  const { Sortable } = globalThis;
  if (!Sortable) return;
  list.classList.add("can-drag");
  Sortable.create(list, {
    handle: ".field-grip",
    forceFallback: true,
    animation: 120,
    onEnd: ({ item, oldIndex, newIndex }) => {
      item.remove();
      list.insertBefore(item, list.children[oldIndex] ?? null);
      if (oldIndex !== newIndex) move(oldIndex, newIndex, "");
    },
  });
}

// Sentences with blanks to begin with: fill them in, use one, and it is an ordinary condition.

import { button, el, input, select } from "./elements.js";
import { suggestValues } from "./suggestions.js";
import { copy } from "./tree.js";

const DURATION = /^(\d+)(ms|s|m|h|d|w)$/;
const OFFERED = { event: "events", property: "properties", placement: "placements" };

// `used(where)` gets the finished part.
export function sentences(form, used) {
  const made = el("section", { class: "ce-sentences", "aria-label": "Begin with a sentence" },
    el("p", { class: "ce-hint" }, "Begin with a sentence: fill in the blanks and use it. Everything can be changed afterwards."));
  const list = el("ul", {});
  for (const sentence of form.language.sentences) list.append(line(form, sentence, used));
  made.append(list);
  return made;
}

function line(form, sentence, used) {
  const values = Object.fromEntries(Object.entries(sentence.blanks).map(([name, blank]) => [name, startOf(form, blank)]));
  const parts = sentence.say.map((part) => (typeof part === "string" ? el("span", {}, part) : field(form, sentence, part.blank, values)));
  const said = sentence.say.map((part) => (typeof part === "string" ? part : "…")).join(" ");
  return el("li", { "data-sentence": sentence.key }, el("span", { class: "ce-sentence" }, parts),
    button("Use", () => used(filled(sentence, values)), { class: "ce-button ce-small", "aria-label": `Use: ${said}` }));
}

// The first of the names that the site has really seen, else the usual one.
function startOf(form, blank) {
  const seen = new Set(form.offered(OFFERED[blank.type] ?? "").map(([name]) => name));
  const known = (blank.names ?? []).find((name) => seen.has(name));
  if (blank.type === "placement") return seen.has(blank.start) ? blank.start : ([...seen][0] ?? blank.start);
  return known ?? blank.start;
}

function field(form, sentence, name, values) {
  const blank = sentence.blanks[name];
  const id = `${form.name}-say-${sentence.key}-${name}`;
  const put = (value) => (values[name] = value);
  const label = { "aria-label": blank.label };
  if (blank.type === "number") return input(id, values[name], (text) => put(Number(text)), { ...label, type: "number", step: "any", class: "ce-number" });
  if (blank.type === "duration") {
    const [, many, kind] = DURATION.exec(values[name]);
    const write = () => put(`${amount.value.trim() || 0}${unit.value}`);
    const amount = input(id, many, write, { type: "number", min: 0, step: 1, class: "ce-number", "aria-label": blank.label });
    const unit = select(`${id}-unit`, form.language.units, kind, write, { "aria-label": `${blank.label}: unit` });
    return el("span", { class: "ce-pair" }, amount, unit);
  }
  if (blank.type === "many") {
    const area = el("textarea", { id, rows: 3, ...label });
    area.value = values[name];
    area.addEventListener("input", () => put(area.value));
    return area;
  }
  const what = OFFERED[blank.type];
  const made = input(id, values[name], put, { ...label, list: what && form.offered(what).length ? form.datalist(what) : null });
  if (blank.about) suggestValues(made, () => blank.about);
  return made;
}

// The condition that the sentence says with these values.
export function filled(sentence, values) {
  const where = copy(sentence.where);
  const blanks = Object.entries(sentence.blanks);
  for (const [name, blank] of blanks.filter(([, one]) => one.type === "many")) {
    const lines = values[name].split("\n").map((one) => one.trim()).filter(Boolean);
    const made = lines.map((one) => {
      const part = copy(blank.each);
      write(part, blank.at, one);
      return part;
    });
    for (const path of blank.paths) write(where, path, made);
  }
  for (const [name, blank] of blanks.filter(([, one]) => one.type !== "many")) {
    for (const path of blank.paths) write(where, path, values[name]);
  }
  return where;
}

// "*" is every one of a list.
function write(target, [key, ...rest], value) {
  if (key === "*") for (const one of target) write(one, rest, value);
  else if (rest.length) write(target[key], rest, value);
  else target[key] = value;
}

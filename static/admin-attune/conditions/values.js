// Values: scalars, lists, pairs, durations, instants, and the comparison they stand in.

import { button, el, input, select } from "./elements.js";
import { proposer } from "./proposals.js";
import { suggestLines, suggestValues } from "./suggestions.js";
import { isObject, pathText } from "./tree.js";

const DURATION = /^(\d+)(ms|mo|s|m|h|d|w|y)$/;
export const MANY = 60; // names: beyond that one types and is helped, instead of looking through a menu

// A field with its label, the slot for what is wrong, and a button where it may be left out.
export function labelled(form, path, label, control, { hint, remove, wide } = {}) {
  const id = form.id(path);
  const made = el("div", { class: `ce-field${wide ? " ce-wide" : ""}`, "data-path": pathText(path) });
  const head = el("div", { class: "ce-label" }, el("label", { for: id }, label));
  if (remove) head.append(button("×", remove, { class: "ce-button ce-small", "aria-label": `Leave out: ${label}`, title: "Leave out" }));
  made.append(head, control);
  if (hint) made.append(el("p", { class: "ce-hint" }, hint));
  made.append(el("p", { class: "ce-error", id: `${id}-error`, hidden: true }));
  return made;
}

export function textInput(form, path, seen, { event, label, id = form.id(path), redraw = false } = {}) {
  const value = form.get(path);
  const names = form.offered(seen, event);
  if ((seen === "segments" || seen === "lists") && names.length && names.length <= MANY) {
    const options = names.map(([key, name]) => [key, name && name !== key ? `${name} (${key})` : key]);
    return select(id, options, value ?? "", (chosen) => form.set(path, chosen), { "aria-label": label });
  }
  return input(id, value, (text) => form.set(path, text, { redraw: false, merge: pathText(path), later: redraw }), {
    list: names.length ? form.datalist(seen, event) : null,
    "aria-label": label,
  });
}

export function numberInput(form, path, { id = form.id(path), label, step = "any" } = {}) {
  return input(
    id,
    form.get(path),
    (text) => form.set(path, text === "" ? null : Number(text), { redraw: false, merge: pathText(path) }),
    { type: "number", step, "aria-label": label, class: "ce-number" },
  );
}

export function durationInput(form, path, { long = false, label = "Duration", id = form.id(path) } = {}) {
  const value = form.get(path);
  const found = typeof value === "string" ? DURATION.exec(value) : null;
  const units = [...form.language.units, ...(long ? form.language.longUnits : [])];
  const number = input(id, found?.[1] ?? "", () => put(), {
    type: "number",
    min: 0,
    step: 1,
    class: "ce-number",
    "aria-label": `${label}: how many`,
  });
  const unit = select(`${id}-unit`, units, found?.[2] ?? "m", () => put(), { "aria-label": `${label}: unit` });
  const put = () => {
    const whole = number.value.trim();
    form.set(path, whole === "" ? "" : `${whole}${unit.value}`, { redraw: false, merge: pathText(path) });
  };
  return el("span", { class: "ce-pair" }, number, unit);
}

const typeOf = (value) => (typeof value === "boolean" ? "flag" : typeof value === "number" || value === null ? "number" : "text");
const FIRST = { text: "", number: 0, flag: true };

// One value of the kind that `reads` allows: "any", "label" (text or number), "number", "duration".
// `about()` says whose value it is (see suggestions.js).
export function scalarInput(form, path, reads, { label = "Value", noFlag = false, about = null } = {}) {
  if (reads === "duration") return durationInput(form, path, { label });
  if (reads === "number") return numberInput(form, path, { label });
  const id = form.id(path);
  const value = form.get(path);
  const type = typeOf(value);
  const types = [["text", "text"], ["number", "number"]];
  if (reads === "any" && !noFlag) types.push(["flag", "yes / no"]);
  const chooser = select(`${id}-type`, types, type, (chosen) => form.set(path, converted(value, chosen)), {
    "aria-label": `${label}: kind of value`,
    class: "ce-type",
  });
  const merge = pathText(path);
  let control;
  if (type === "flag") {
    control = select(id, [["true", "yes"], ["false", "no"]], String(value), (text) => form.set(path, text === "true", { redraw: false }), { "aria-label": label });
  } else if (type === "number") {
    control = numberInput(form, path, { label });
  } else {
    control = input(id, value, (text) => form.set(path, text, { redraw: false, merge }), { "aria-label": label });
  }
  if (about && type !== "flag") suggestValues(control, about, (chosen) => form.set(path, chosen));
  return el("span", { class: "ce-pair" }, control, chooser);
}

function converted(value, type) {
  if (type === "number") return Number.isFinite(Number(value)) && value !== "" ? Number(value) : FIRST.number;
  if (type === "flag") return true;
  return value === null ? "" : String(value);
}

// Several values, one a line. What is not of one kind is shown as JSON, a value a line.
function listInput(form, path, reads, label, about) {
  const id = form.id(path);
  const values = Array.isArray(form.get(path)) ? form.get(path) : [];
  const types = new Set(values.map(typeOf));
  const type = types.size > 1 ? "mixed" : ([...types][0] ?? (reads === "number" ? "number" : "text"));
  const read = {
    text: (line) => line,
    number: (line) => (line.trim() !== "" && Number.isFinite(Number(line)) ? Number(line) : line),
    flag: (line) => (line === "yes" || line === "true" ? true : line === "no" || line === "false" ? false : line),
    mixed: (line) => {
      try {
        return JSON.parse(line);
      } catch {
        return line;
      }
    },
  };
  const shown = type === "mixed" ? values.map((one) => JSON.stringify(one)) : values.map((one) => (one === true ? "yes" : one === false ? "no" : String(one)));
  const area = el("textarea", { id, rows: Math.min(6, Math.max(2, values.length)), spellcheck: "false", "aria-label": `${label}, one a line` });
  area.value = shown.join("\n");
  area.addEventListener("input", () => {
    const lines = area.value.split("\n").filter((line) => line !== "");
    form.set(path, lines.map(read[type]), { redraw: false, merge: pathText(path) });
  });
  const seen = about ? suggestLines(area, about, (value) => form.set(path, [...values.filter((one) => one !== ""), value])) : "";
  if (reads !== "any" && reads !== "label") return area;
  const kinds = [["text", "texts"], ["number", "numbers"], ["flag", "yes / no"]];
  if (type === "mixed") kinds.push(["mixed", "as JSON"]);
  const chooser = select(`${id}-type`, kinds, type, (chosen) => {
    const next = values.map((one) => converted(one, chosen));
    form.set(path, next.length ? next : [FIRST[chosen]]);
  }, { "aria-label": `${label}: kind of values`, class: "ce-type" });
  return el("span", { class: "ce-pair" }, area, chooser, seen);
}

function valueInput(form, path, takes, reads, op, about) {
  const noFlag = form.language.ordered.includes(op);
  switch (takes) {
    case "none":
      return null;
    case "many":
      return listInput(form, path, reads, "Values", about);
    case "pair":
      return el(
        "span",
        { class: "ce-pair" },
        scalarInput(form, [...path, 0], reads, { label: "Least", noFlag }),
        el("span", { class: "ce-and" }, "and"),
        scalarInput(form, [...path, 1], reads, { label: "Most", noFlag }),
      );
    case "duration":
      return durationInput(form, path);
    case "circle":
      return el(
        "span",
        { class: "ce-pair" },
        ["Latitude", "Longitude", "Kilometres"].map((name, i) =>
          el("label", { class: "ce-inline" }, `${name} `, numberInput(form, [...path, i], { id: `${form.id(path)}-${i}` })),
        ),
      );
    case "moment":
      return input(form.id(path), form.get(path), (text) => form.set(path, text, { redraw: false, merge: pathText(path) }), {
        placeholder: "2026-02-28 or 2026-02-28T10:00:00Z",
        "aria-label": "Date or instant",
      });
    case "version":
    case "text":
      return input(form.id(path), form.get(path), (text) => form.set(path, text, { redraw: false, merge: pathText(path) }), {
        placeholder: takes === "version" ? "2.10" : null,
        "aria-label": "Text",
      });
    default:
      return scalarInput(form, path, reads, { noFlag, about });
  }
}

// What the value becomes when another operator is chosen.
function fitted(value, takes, reads, isOrdered) {
  const first = Array.isArray(value) ? value[0] : value;
  const plain = first === undefined || isObject(first) || (isOrdered && typeof first === "boolean") ? undefined : first;
  const one = plain ?? { number: 1, duration: "1d" }[reads] ?? "";
  switch (takes) {
    case "none":
      return undefined;
    case "many":
      return Array.isArray(value) ? value : [one];
    case "pair":
      return [one, one];
    case "duration":
      return DURATION.test(String(first)) ? first : "7d";
    case "circle":
      return Array.isArray(value) && value.length === 3 ? value : [47.37, 8.54, 10];
    case "moment":
      return /^\d{4}-/.test(String(first)) ? first : "2026-01-01";
    case "version":
      return /^\d/.test(String(first)) ? String(first) : "1.0";
    case "text":
      return typeof first === "string" ? first : "";
    default:
      return reads === "duration" && !DURATION.test(String(one)) ? "1d" : one;
  }
}

// The operator and the value below `path`. `withFact`: the value may be a fact of the request.
// `about()`: whose value it is, so that values really seen can be offered.
export function comparison(form, path, { ops, reads = "any", withFact = false, label = "Comparison", bare = false, about = null }) {
  const holder = form.get(path);
  const { ops: known, opSets, ordered } = form.language;
  const opPath = [...path, "op"];
  const valuePath = [...path, "value"];
  const isFact = "fact" in holder;
  const takes = isFact ? "fact" : (known[holder.op]?.takes ?? "one");
  const chosen = isFact ? "fact" : holder.op;
  const options = opSets[ops].map((op) => [op, known[op].label]);
  if (withFact) options.push(["fact", "is this page's …"]);
  const chooser = select(form.id(opPath), options, chosen, (op) => {
    form.change(path, (target) => {
      if (op === "fact") {
        delete target.value;
        Object.assign(target, { op: "eq", fact: "page.product_id" });
        return;
      }
      delete target.fact;
      const value = fitted(target.value, known[op].takes, reads, ordered.includes(op));
      target.op = op;
      if (value === undefined) delete target.value;
      else target.value = value;
      if (known[op].takes === "none") delete target.fallback;
    });
  }, { "aria-label": label });
  const control =
    takes === "fact" ? textInput(form, [...path, "fact"], "context", { label: "Fact of the request" }) : valueInput(form, valuePath, takes, reads, holder.op, about);
  const made = el("div", { class: `ce-comparison${bare ? "" : " ce-field"}`, "data-path": pathText(opPath) });
  const errors = el("p", { class: "ce-error", hidden: true });
  const value = control && el("span", { class: "ce-value", "data-path": pathText(takes === "fact" ? [...path, "fact"] : valuePath) }, control, el("p", { class: "ce-error", hidden: true }));
  if (!bare) made.append(el("div", { class: "ce-label" }, el("label", { for: form.id(opPath) }, "Compared")));
  made.append(el("div", { class: "ce-row" }, chooser, value ?? "", proposer(form, path)), errors);
  return made;
}

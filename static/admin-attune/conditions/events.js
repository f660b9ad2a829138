// Events in a form: which ones (name and filters), and over which stretch of time.

import { button, el, input, select } from "./elements.js";
import { proposer } from "./proposals.js";
import { isObject, pathText } from "./tree.js";
import { comparison, durationInput, labelled, numberInput, textInput } from "./values.js";

// Name and filters of the object at `path`.
export function match(form, path, label, { remove } = {}) {
  const namePath = [...path, "name"];
  const name = labelled(form, namePath, label, textInput(form, namePath, "events", { redraw: true }), { remove });
  return el("div", { class: "ce-match" }, name, filters(form, [...path, "where"], form.get(namePath)));
}

export function filters(form, path, event, { label = "where" } = {}) {
  const holder = path.slice(0, -1);
  const list = form.get(path);
  const rows = Array.isArray(list) ? list : [];
  const made = el("div", { class: "ce-filters", "data-path": pathText(path) });
  rows.forEach((row, i) => {
    const at = [...path, i];
    made.append(
      el(
        "div",
        { class: "ce-filter", role: "group", "aria-label": `Filter ${i + 1}`, "data-path": pathText(at) },
        el("span", { class: "ce-word" }, i ? "and" : label),
        el(
          "span",
          { class: "ce-value", "data-path": pathText([...at, "property"]) },
          textInput(form, [...at, "property"], "properties", { event, label: "Property" }),
          el("p", { class: "ce-error", hidden: true }),
        ),
        comparison(form, at, { ops: "filter", withFact: true, bare: true, label: "Comparison of the property", about: () => ({ of: "property", name: form.get([...at, "property"]), event: eventOf(form, holder, event) }) }),
        button("×", () => form.change(holder, (target) => {
          target.where.splice(i, 1);
          if (!target.where.length) delete target.where;
        }), { class: "ce-button ce-small", "aria-label": `Remove filter ${i + 1}`, title: "Remove this filter" }),
        el("p", { class: "ce-error", hidden: true }),
      ),
    );
  });
  made.append(el("p", { class: "ce-error", hidden: true }));
  if (rows.length < form.language.limits.filters) {
    const id = `${form.id(path)}-add`;
    made.append(button("+ Filter", () => {
      form.change(holder, (target) => {
        target.where = [...(target.where ?? []), { property: "", op: "eq", value: "" }];
      }, [...path, rows.length, "property"]);
    }, { id, class: "ce-button ce-add" }));
  }
  return made;
}

// The event whose properties are meant: as it is written now, not as it was when this was drawn.
const eventOf = (form, holder, event) => form.get(holder)?.name ?? event ?? "";

const kindOf = (window) => (typeof window === "string" ? window : isObject(window) ? Object.keys(window).find((key) => key !== "tz") : "");

export function windowField(form, path, kinds, { label = "When", remove } = {}) {
  const value = form.get(path);
  const kind = kindOf(value);
  const known = form.language.windows;
  const id = form.id(path);
  const chooser = select(id, kinds.map((key) => [key, known[key].label]), kind, (chosen) => form.set(path, JSON.parse(JSON.stringify(known[chosen].new))));
  return labelled(form, path, label, el("div", { class: "ce-row" }, chooser, details(form, path, kind, value)), { remove });
}

// How far back a leaf looks may be proposed; of a source of a score, or a mere measure, it is not.
function lengthProposer(form, path) {
  const leaf = form.get(path.slice(0, -1));
  return ["sequence", "absence"].includes(leaf?.kind) || (["event", "dwell", "exposure"].includes(leaf?.kind) && "op" in leaf) ? proposer(form, path.slice(0, -1), ["window", "last"]) : "";
}

function details(form, path, kind, value) {
  const at = (...keys) => [...path, ...keys];
  switch (kind) {
    case "last":
      return el("span", { class: "ce-row" }, durationInput(form, at("last"), { long: true, label: "Length" }), lengthProposer(form, path));
    case "session":
      if (typeof value === "string") return button("other idle time", () => form.set(path, { session: "30m" }), { class: "ce-button ce-small" });
      return el("span", { class: "ce-pair" }, el("span", { class: "ce-and" }, "over after"), durationInput(form, at("session"), { label: "Idle time" }), el("span", { class: "ce-and" }, "idle"));
    case "calendar":
      return el(
        "span",
        { class: "ce-pair" },
        select(`${form.id(path)}-unit`, form.language.calendar.map((unit) => [unit, unit]), value.calendar, (unit) => form.set(at("calendar"), unit), { "aria-label": "Calendar unit" }),
        select(`${form.id(path)}-zone`, [["site", "in the site's time zone"], ["visitor", "in the visitor's time zone"]], value.tz ?? "site", (zone) => form.set(at("tz"), zone === "site" ? undefined : zone), { "aria-label": "Time zone" }),
      );
    case "between_ago":
      return el(
        "span",
        { class: "ce-pair" },
        durationInput(form, at("between_ago", "from"), { label: "From" }),
        el("span", { class: "ce-and" }, "and"),
        durationInput(form, at("between_ago", "to"), { label: "To" }),
        el("span", { class: "ce-and" }, "ago"),
      );
    case "visit":
      return el("span", { class: "ce-pair" }, numberInput(form, at("visit"), { label: "Number of the visit", step: 1 }), el("span", { class: "ce-and" }, "(1 the first, −1 the latest)"));
    case "since":
      return match(form, at("since"), "Event");
    case "absolute":
      return el("span", { class: "ce-pair" }, instant(form, at("absolute", "from"), "From"), el("span", { class: "ce-and" }, "to before"), instant(form, at("absolute", "to"), "To"));
  }
  return "";
}

function instant(form, path, label) {
  return input(form.id(path), form.get(path), (text) => form.set(path, text === "" ? undefined : text, { redraw: false, merge: pathText(path) }), {
    placeholder: "2026-02-28",
    "aria-label": label,
  });
}

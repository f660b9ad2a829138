// The fields of leaves, by type. What fields a kind has, the server says.

import { button, el, input, select } from "./elements.js";
import { filters, match, windowField } from "./events.js";
import { proposer } from "./proposals.js";
import { isObject, pathText, withoutStep } from "./tree.js";
import { comparison, durationInput, labelled, numberInput, textInput } from "./values.js";

// All fields of the leaf at `path`; those that may be left out and are, as buttons below.
export function leafFields(form, path) {
  const leaf = form.get(path);
  const { fields } = form.kind(leaf.kind);
  const drawn = [];
  const offered = [];
  for (const field of fields) {
    if (Object.entries(field.unless ?? {}).some(([name, values]) => values.includes(leaf[name]))) continue;
    if (field.needs && !(field.needs in leaf)) continue;
    const isThere = !field.optional || field.name === "" || field.name in leaf;
    if (isThere) drawn.push(drawField(form, path, leaf, field));
    else offered.push(button(`+ ${field.label}`, () => form.change(path, (target) => add(target, field), [...path, field.name]), { class: "ce-button ce-add", id: `${form.id([...path, field.name])}-add` }));
  }
  if (offered.length) drawn.push(el("div", { class: "ce-offered" }, offered));
  return drawn;
}

const NEW = {
  match: { name: "" }, duration: "5m", flag: true, whole: 1, number: 0, text: "", yes_no: false,
  keys: [""], filters: [{ property: "", op: "eq", value: "" }], origin: { source: "" },
  binds: {}, step_binds: {},
};

function add(target, field) {
  target[field.name] = JSON.parse(JSON.stringify(field.new ?? NEW[field.type]));
  if (field.type === "binds") target.bind = { value: "" };
  if (field.type === "step_binds") target.bind = { value: { step: target.steps.length, property: "" } };
  Object.assign(target, field.together ?? {});
}

function drop(form, path, field) {
  form.change(path, (target) => {
    delete target[field.name];
    if (field.together) for (const other of form.kind(target.kind).fields) if (other.needs === field.name) delete target[other.name];
  }, [...path, field.name], "-add");
}

function drawField(form, path, leaf, field) {
  const at = field.name ? [...path, field.name] : path;
  const remove = field.optional ? () => drop(form, path, field) : null;
  return FIELDS[field.type](form, at, leaf, field, path, remove);
}

const simple = (make) => (form, at, leaf, field, path, remove) => labelled(form, at, field.label, make(form, at, field), { remove, hint: field.hint });

const PROPOSED = new Set(["for", "within", "times"]);
const proposed = (form, at, field, control) =>
  PROPOSED.has(field.name) ? el("span", { class: "ce-row" }, control, proposer(form, at.slice(0, -1), [field.name])) : control;

const FIELDS = {
  text: simple((form, at, field) => textInput(form, at, field.seen)),
  number: simple((form, at) => numberInput(form, at)),
  whole: simple((form, at, field) => proposed(form, at, field, numberInput(form, at, { step: 1 }))),
  duration: simple((form, at, field) => proposed(form, at, field, durationInput(form, at, { label: field.label }))),
  yes_no: simple((form, at) => select(form.id(at), [["true", "true"], ["false", "false"]], String(form.get(at)), (text) => form.set(at, text === "true"))),
  choice: simple((form, at, field) =>
    select(form.id(at), field.options, form.get(at), (chosen) =>
      form.change(at.slice(0, -1), (target) => {
        target[field.name] = chosen;
        Object.assign(target, field.sets?.[chosen] ?? {});
        for (const other of form.kind(target.kind).fields) if (Object.entries(other.unless ?? {}).some(([name, values]) => values.includes(target[name]))) delete target[other.name];
      }),
    ),
  ),
  flag(form, at, leaf, field, path) {
    const id = form.id(at);
    const box = el("input", { type: "checkbox", id });
    box.checked = form.get(at) === true;
    box.addEventListener("change", () => form.set(at, box.checked ? true : undefined));
    return el("div", { class: "ce-field ce-flag", "data-path": pathText(at) }, box, el("label", { for: id }, field.label), el("p", { class: "ce-error", hidden: true }));
  },
  match: (form, at, leaf, field, path, remove) => match(form, at, field.label, { remove }),
  filters: (form, at) => filters(form, at, { page: "Page Viewed", section: "Section Viewed", element: "Element Hovered" }[form.get(at.slice(0, -1)).on]),
  window(form, at, leaf, field, path, remove) {
    let kinds = field.kinds;
    if (leaf.kind === "event") kinds = form.aggregate(leaf.aggregate)?.windows ?? kinds;
    for (const [name, by] of Object.entries(field.only ?? {})) kinds = by[leaf[name]] ?? kinds;
    return windowField(form, at, kinds, { label: field.label, remove });
  },
  comparison(form, at, leaf, field, path) {
    const measure = leaf.kind === "event" ? form.aggregate(leaf.aggregate) : null;
    return comparison(form, path, { ops: measure?.ops ?? field.ops, reads: measure?.reads ?? field.reads, about: () => aboutLeaf(form.get(path)) });
  },
  aggregate,
  keys(form, at, leaf, field, path, remove) {
    const made = el("div", { class: "ce-row" });
    (form.get(at) ?? []).forEach((name, i) => {
      made.append(
        el("span", { class: "ce-pair", "data-path": pathText([...at, i]) },
          textInput(form, [...at, i], "properties", { id: i ? undefined : form.id(at), label: `Property ${i + 1}` }),
          button("×", () => form.change(at.slice(0, -1), (target) => {
            target[field.name].splice(i, 1);
            if (!target[field.name].length) delete target[field.name];
          }), { class: "ce-button ce-small", "aria-label": `Remove property ${i + 1}` }),
          el("p", { class: "ce-error", hidden: true })),
      );
    });
    made.append(button("+ Property", () => form.change(at, (list) => list.push(""), [...at, form.get(at).length]), { class: "ce-button ce-add" }));
    return labelled(form, at, field.label, made, { hint: field.hint, remove });
  },
  origin(form, at, leaf, field, path, remove) {
    const source = [...at, "source"];
    const sure = [...at, "min_confidence"];
    const made = el("div", { class: "ce-row", id: form.id(at) },
      el("label", { class: "ce-inline" }, "Source ", input(form.id(source), form.get(source), (text) => form.set(source, text === "" ? undefined : text, { redraw: false, merge: pathText(source) }))),
      el("label", { class: "ce-inline" }, "sure to at least ", input(form.id(sure), form.get(sure), (text) => form.set(sure, text === "" ? undefined : Number(text), { redraw: false, merge: pathText(sure) }), { type: "number", min: 0, max: 1, step: "any", class: "ce-number" })),
    );
    return labelled(form, at, field.label, made, { remove, hint: "Either may be empty. Sure: from 0 to 1." });
  },
  binds: (form, at, leaf, field, path, remove) => binds(form, at, field, remove, false),
  step_binds: (form, at, leaf, field, path, remove) => binds(form, at, field, remove, true),
  steps,
  score_events: (form, at, leaf, field, path) => rows(form, at, field, "events", scoreEvent, { name: "", weight: 1 }),
  score_traits: (form, at, leaf, field, path) => rows(form, at, field, "traits", scoreTrait, { name: "", op: "eq", value: "", weight: 10 }),
};

// Whose values a leaf compares: a trait's, a fact's, or a property's of its event.
function aboutLeaf(leaf) {
  if (leaf.kind === "trait" || leaf.kind === "context") return { of: leaf.kind, name: leaf.name };
  return leaf.kind === "event" && leaf.of ? { of: "property", name: leaf.of, event: leaf.name } : null;
}

function aggregate(form, at, leaf, field, path) {
  const measures = form.language.aggregates;
  const chooser = select(form.id(at), measures.map(({ key, label }) => [key, label]), leaf.aggregate, (key) =>
    form.change(path, (target) => {
      const wanted = form.aggregate(key);
      target.aggregate = key;
      if (wanted.of) target.of ??= "";
      else delete target.of;
      if (wanted.over) target.over ??= { name: "" };
      else delete target.over;
      if (wanted.per) target.per ??= "1d";
      else delete target.per;
      if (wanted.reads !== (form.aggregate(leaf.aggregate)?.reads ?? "") || !form.language.opSets[wanted.ops].includes(target.op)) {
        target.op = { number: "gte", duration: "lt" }[wanted.reads] ?? "eq";
        target.value = { number: 1, duration: "1d" }[wanted.reads] ?? "";
      }
      const window = typeof target.window === "string" ? target.window : Object.keys(target.window ?? {})[0];
      if (!wanted.windows.includes(window)) target.window = { last: "7d" };
    }),
  );
  const made = [labelled(form, at, field.label, chooser)];
  const wanted = form.aggregate(leaf.aggregate);
  if (wanted?.of) made.push(labelled(form, [...path, "of"], "Property", textInput(form, [...path, "of"], "properties", { event: leaf.name })));
  if (wanted?.per) made.push(labelled(form, [...path, "per"], "Per", durationInput(form, [...path, "per"], { label: "Per" })));
  if (wanted?.over) made.push(el("div", { class: "ce-wide ce-part" }, match(form, [...path, "over"], "For each")));
  return el("div", { class: "ce-fields" }, made);
}

function binds(form, at, field, remove, hasSteps) {
  const held = form.get(at);
  const made = el("div", { class: "ce-rows" });
  Object.keys(isObject(held) ? held : {}).forEach((name, i) => {
    const value = hasSteps ? [...at, name, "property"] : [...at, name];
    const nameInput = el("input", { type: "text", id: i ? `${form.id(at)}-name-${i}` : form.id(at), value: name, autocomplete: "off", spellcheck: "false", "aria-label": "Name for the content" });
    nameInput.addEventListener("change", () => form.change(at.slice(0, -1), (target) => {
      const renamed = Object.entries(target.bind).map(([key, one]) => [key === name ? nameInput.value : key, one]);
      target.bind = Object.fromEntries(renamed);
    }));
    const row = el("div", { class: "ce-row", "data-path": pathText([...at, name]) }, nameInput, el("span", { class: "ce-and" }, "is"));
    if (hasSteps) {
      const count = form.get(at.slice(0, -1)).steps.length;
      const step = [...at, name, "step"];
      row.append(select(form.id(step), Array.from({ length: count }, (_, n) => [String(n + 1), `step ${n + 1}'s`]), String(held[name].step), (number) => form.set(step, Number(number)), { "aria-label": "Step" }));
    }
    row.append(
      textInput(form, value, "properties", { label: "Property" }),
      button("×", () => form.change(at.slice(0, -1), (target) => {
        delete target.bind[name];
        if (!Object.keys(target.bind).length) delete target.bind;
      }), { class: "ce-button ce-small", "aria-label": `Remove ${name}` }),
      el("p", { class: "ce-error", hidden: true }),
    );
    made.append(row);
  });
  made.append(button("+ Value", () => form.change(at, (target) => {
    let name = "value";
    for (let n = 2; name in target; n += 1) name = `value_${n}`;
    target[name] = hasSteps ? { step: 1, property: "" } : "";
  }), { class: "ce-button ce-add" }));
  return labelled(form, at, field.label, made, { remove, hint: field.hint, wide: true });
}

// Sequence: a card a step, with what may not happen before it.
function steps(form, at, leaf, field, path) {
  const list = Array.isArray(leaf.steps) ? leaf.steps : [];
  const made = el("ol", { class: "ce-steps", "data-path": pathText(at), id: form.id(at) });
  list.forEach((step, i) => {
    const here = [...at, i];
    const tools = el("span", { class: "ce-tools" },
      button("↑", () => form.change(at, (all) => swapped(all, i, -1), [...at, Math.max(0, i - 1), "name"]), { "aria-label": `Move step ${i + 1} up`, title: "Up", disabled: i === 0 }),
      button("↓", () => form.change(at, (all) => swapped(all, i, 1), [...at, i + 1, "name"]), { "aria-label": `Move step ${i + 1} down`, title: "Down", disabled: i === list.length - 1 }),
      button("×", () => form.change(path, (target) => withoutStep(target, i), [...at, Math.max(0, i - 1), "name"]), { "aria-label": `Remove step ${i + 1}`, title: "Remove", disabled: list.length === 1 }),
    );
    const card = el("li", { class: "ce-step", "data-path": pathText(here), "aria-label": `Step ${i + 1}` },
      el("div", { class: "ce-step-head" }, el("span", { class: "ce-word" }, i ? "then" : "first"), i ? within(form, [...here, "within"], here, step) : "", tools));
    if (i) card.append(gaps(form, path, leaf, i));
    card.append(match(form, here, `Step ${i + 1}`), el("p", { class: "ce-error", hidden: true }));
    made.append(card);
  });
  const more = list.length < form.language.limits.steps
    ? button("+ Step", () => form.change(at, (all) => all.push({ name: "", within: "5m" }), [...at, list.length, "name"]), { class: "ce-button ce-add", id: `${form.id(at)}-add` })
    : "";
  return el("div", { class: "ce-wide" }, made, more);
}

function swapped(all, i, step) {
  [all[i], all[i + step]] = [all[i + step], all[i]];
  delete all[0].within;
}

function within(form, at, here, step) {
  if (!("within" in step)) return button("within …", () => form.set(at, "5m"), { class: "ce-button ce-small" });
  return el("span", { class: "ce-pair", "data-path": pathText(at) }, el("span", { class: "ce-and" }, "within"), durationInput(form, at, { label: "Within" }),
    button("×", () => form.set(at, undefined), { class: "ce-button ce-small", "aria-label": "No limit of time before this step" }), el("p", { class: "ce-error", hidden: true }));
}

function gaps(form, path, leaf, number) {
  const made = el("div", { class: "ce-gaps" });
  (Array.isArray(leaf.without) ? leaf.without : []).forEach((gap, i) => {
    if (gap.after !== number) return;
    const here = [...path, "without", i];
    made.append(el("div", { class: "ce-part", "data-path": pathText(here) }, match(form, here, "with none in between of", {
      remove: () => form.change(path, (target) => {
        target.without.splice(i, 1);
        if (!target.without.length) delete target.without;
      }),
    }), el("p", { class: "ce-error", hidden: true })));
  });
  made.append(button("+ Nothing of … in between", () => form.change(path, (target) => {
    target.without = [...(target.without ?? []), { after: number, name: "" }];
  }, [...path, "without", leaf.without?.length ?? 0, "name"]), { class: "ce-button ce-add" }));
  return made;
}

// Score: a row a source.
function rows(form, at, field, what, draw, fresh) {
  const holder = at.slice(0, -1);
  const list = Array.isArray(form.get(at)) ? form.get(at) : [];
  const made = el("div", { class: "ce-rows", id: form.id(at) });
  list.forEach((one, i) => {
    const here = [...at, i];
    made.append(el("div", { class: "ce-part", role: "group", "aria-label": `${field.label} ${i + 1}`, "data-path": pathText(here) },
      el("div", { class: "ce-fields" }, draw(form, here, one)),
      button("Remove", () => form.change(holder, (target) => {
        target[what].splice(i, 1);
        if (!target[what].length) delete target[what];
      }), { class: "ce-button ce-small", "aria-label": `Remove source ${i + 1}` }),
      el("p", { class: "ce-error", hidden: true })));
  });
  made.append(button(`+ ${field.label}`, () => form.change(holder, (target) => {
    target[what] = [...(target[what] ?? []), JSON.parse(JSON.stringify(fresh))];
  }, [...at, list.length, "name"]), { class: "ce-button ce-add", id: `${form.id(at)}-add` }));
  return el("div", { class: "ce-wide", "data-path": pathText(at) }, el("div", { class: "ce-label" }, el("span", {}, field.label)), made, el("p", { class: "ce-error", hidden: true }));
}

function optional(form, at, label, fresh, draw) {
  if (!(at.at(-1) in form.get(at.slice(0, -1)))) {
    return button(`+ ${label}`, () => form.set(at, fresh, { focus: at }), { class: "ce-button ce-add" });
  }
  return labelled(form, at, label, draw(), { remove: () => form.set(at, undefined) });
}

function scoreEvent(form, here) {
  const at = (key) => [...here, key];
  return [
    el("div", { class: "ce-wide" }, match(form, here, "Event")),
    labelled(form, at("weight"), "Weight", numberInput(form, at("weight"))),
    optional(form, at("of"), "times its property", "value", () => textInput(form, at("of"), "properties", { event: form.get(at("name")) })),
    optional(form, at("half_life"), "halved every", "7d", () => durationInput(form, at("half_life"), { label: "Halved every" })),
    optional(form, at("cap"), "at most", 20, () => numberInput(form, at("cap"))),
    "window" in form.get(here)
      ? windowField(form, at("window"), form.language.scoreWindows, { remove: () => form.set(at("window"), undefined) })
      : button("+ When", () => form.set(at("window"), { last: "90d" }), { class: "ce-button ce-add" }),
  ];
}

function scoreTrait(form, here) {
  const at = (key) => [...here, key];
  return [
    labelled(form, at("name"), "Trait", textInput(form, at("name"), "traits")),
    comparison(form, here, { ops: "trait", about: () => ({ of: "trait", name: form.get(at("name")) }) }),
    labelled(form, at("weight"), "Weight", numberInput(form, at("weight"))),
  ];
}

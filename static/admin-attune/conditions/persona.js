// The form of a persona: rows of what they did, what is known of them, where they come from. Beside
// it the segments they would be in. Without it the textarea is the form.

import { asksAt } from "./asking.js";
import { ConditionPanel } from "./beside.js";
import { ConditionEditor } from "./editor.js";
import { button, el, input, select } from "./elements.js";
import { tabs } from "./tabs.js";
import { copy, isObject, pathText } from "./tree.js";
import { durationInput, scalarInput, textInput } from "./values.js";

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const PARTS = [
  ["context", "Where they are, and with what", "Fact of the request", "context", "context", "+ Fact"],
  ["traits", "What is known of them", "Trait", "traits", "trait", "+ Trait"],
];

// Names and values are edited as rows: an object could not hold two that are not named yet.
const rowsOf = (values) => Object.entries(values ?? {}).map(([name, value]) => ({ name, value }));
const objectOf = (rows) => Object.fromEntries(rows.filter(({ name }) => name !== "").map(({ name, value }) => [name, value]));

function agoText(ms) {
  for (const unit of ["w", "d", "h", "m", "s"]) if (ms > 0 && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  return ms === 0 ? "0s" : `${ms}ms`;
}

function agoOf(text) {
  const found = /^(\d+)(ms|s|m|h|d|w)$/.exec(text);
  return found ? Number(found[1]) * UNIT_MS[found[2]] : null;
}

class PersonaEditor extends ConditionEditor {
  get persona() {
    const { events, traits, context, consents } = copy(this.history.root);
    return {
      traits: objectOf(traits),
      events: events.map(({ name, ago, properties }) => ({ name, ago_ms: agoOf(ago), properties: objectOf(properties) })),
      context: objectOf(context),
      consents,
    };
  }

  set persona(given) {
    this.history.replace(PersonaEditor.rootOf(given));
    this.draw();
  }

  static rootOf({ traits, events, context, consents }) {
    const lived = Array.isArray(events) ? events.map((one) => ({ name: one.name ?? "", ago: agoText(one.ago_ms ?? 0), properties: rowsOf(one.properties) })) : [];
    return { events: lived, traits: rowsOf(traits), context: rowsOf(context), consents: { ...consents } };
  }

  node() {
    const root = this.history.root;
    const made = el("div", { class: "ce-persona", "data-path": "where", "data-node": true }, el("p", { class: "ce-error", hidden: true }));
    made.append(this.section("events", "What they did, and how long before", root.events.map((one, i) => this.lived(one, i)), button("+ Event", () => this.add("events", { name: "", ago: "5m", properties: [] }), { class: "ce-button ce-add", id: `${this.name}-events-add` })));
    for (const [key, title, label, seen, of, more] of PARTS) {
      made.append(this.section(key, title, root[key].map((one, i) => this.row([key, i], label, seen, () => ({ of, name: this.get([key, i, "name"]) }))),
        button(more, () => this.add(key, { name: "", value: "" }), { class: "ce-button ce-add", id: `${this.name}-${key}-add` })));
    }
    made.append(this.section("consents", "What they have agreed to", this.purposes.map((purpose) => this.agreed(purpose))));
    return made;
  }

  section(key, title, rows, more = "") {
    return el("section", { class: "ce-card", "data-path": key, "aria-label": title }, el("h3", {}, title), el("div", { class: "ce-rows" }, rows), el("p", { class: "ce-error", hidden: true }), el("div", { class: "ce-adder" }, more));
  }

  add(key, fresh) {
    const list = [...(Array.isArray(key) ? key : [key])];
    this.change(list, (rows) => rows.push(fresh), [...list, this.get(list).length, "name"]);
  }

  out(list, i, what) {
    return button("×", () => this.change(list, (rows) => rows.splice(i, 1)), { class: "ce-button ce-small", "aria-label": `Remove ${what}`, title: "Remove" });
  }

  lived(one, i) {
    const at = (...keys) => ["events", i, ...keys];
    const properties = one.properties.map((_, n) => this.row(at("properties", n), "Property", "properties", () => ({ of: "property", name: this.get(at("properties", n, "name")), event: this.get(at("name")) }), one.name));
    return el("div", { class: "ce-part", role: "group", "aria-label": `Event ${i + 1}`, "data-path": pathText(at()) },
      el("div", { class: "ce-row" },
        textInput(this, at("name"), "events", { label: "Event", redraw: true }),
        durationInput(this, at("ago"), { label: "How long before" }), el("span", { class: "ce-and" }, "before"),
        button("copy", () => this.change(["events"], (rows) => rows.splice(i + 1, 0, copy(rows[i]))), { class: "ce-button ce-small", "aria-label": `Copy event ${i + 1}` }),
        this.out(["events"], i, `event ${i + 1}`)),
      properties,
      button("+ Property", () => this.add(at("properties"), { name: "", value: "" }), { class: "ce-button ce-add", id: `${this.name}-events[${i}].properties-add` }),
      el("p", { class: "ce-error", hidden: true }));
  }

  row(path, label, seen, about, event) {
    const value = [...path, "value"];
    const held = this.get(value);
    const control = Array.isArray(held)
      ? input(this.id(value), held.join(", "), (text) => this.set(value, text.split(",").map((one) => one.trim()).filter(Boolean), { redraw: false }), { "aria-label": "Values, with commas" })
      : scalarInput(this, value, "any", { about });
    return el("div", { class: "ce-row" }, textInput(this, [...path, "name"], seen, { label, event }), el("span", { class: "ce-and" }, "is"), control, this.out(path.slice(0, -1), path.at(-1), `${label.toLowerCase()} ${path.at(-1) + 1}`));
  }

  agreed(purpose) {
    const path = ["consents", purpose];
    const now = this.get(path);
    const id = this.id(path);
    return el("div", { class: "ce-row" }, el("label", { for: id, class: "ce-word" }, purpose),
      select(id, [["", "was never asked"], ["yes", "agreed"], ["no", "refused"]], now === true ? "yes" : now === false ? "no" : "", (chosen) => this.set(path, chosen === "" ? undefined : chosen === "yes")));
  }
}

class PersonaPanel extends ConditionPanel {
  counted({ segments }) {
    if (!segments) return [];
    const told = (title, { in: inside, of, count }) => [
      el("h3", {}, `${title}: in ${count} of ${of}`),
      inside.length ? el("ul", { class: "cp-in" }, inside.map(([name, words]) => el("li", {}, el("strong", {}, name), el("span", { class: "quiet" }, ` ${words}`)))) : el("p", { class: "cp-note" }, "In none."),
      count > inside.length ? el("p", { class: "cp-note" }, `and ${count - inside.length} more`) : "",
    ];
    return [...told("Published segments", segments.published), ...told("By the drafts", segments.drafts)];
  }
}

customElements.define("persona-editor", PersonaEditor);
customElements.define("persona-panel", PersonaPanel);

const settings = document.getElementById("persona-editor");
const area = document.getElementById("id_document");
const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
const site = () => settings.dataset.site ?? document.getElementById("id_site")?.value ?? "";

async function schema() {
  const response = await fetch(settings.dataset.schema, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify({ site: site() }),
  });
  if (!response.ok) throw new Error(`the schema: ${response.status}`);
  return response.json();
}

function read(text) {
  try {
    const found = JSON.parse(text);
    return isObject(found) ? found : null;
  } catch {
    return null;
  }
}

async function start() {
  const { language, seen, addresses, purposes } = await schema();
  asksAt({ addresses, token, whose: () => ({ site: site() }) });
  const editor = document.createElement("persona-editor");
  const panel = document.createElement("persona-panel");
  const { bar, panels, jsonError } = tabs(editor, "The persona as");
  const row = area.closest(".form-row");
  row.classList.add("has-editor");
  document.querySelector(".field-is_in")?.setAttribute("hidden", "");
  row.append(el("div", { class: "ce-frame" }, el("div", { class: "ce-main" }, bar, panels.form, panels.json), panel));
  panels.json.prepend(area);
  editor.purposes = purposes;
  let isBroken = read(area.value) === null;
  editor.connect({ start: { where: PersonaEditor.rootOf(read(area.value) ?? {}) }, language, seen, name: "pe", label: "Persona" });
  editor.addEventListener("change-condition", () => {
    isBroken = false;
    jsonError.hidden = true;
    area.value = JSON.stringify(editor.persona, null, 1);
    area.dispatchEvent(new Event("change", { bubbles: true }));
    panel.ask();
  });
  area.addEventListener("input", () => {
    const found = read(area.value);
    isBroken = found === null;
    jsonError.hidden = !isBroken;
    jsonError.textContent = "This is no JSON object: the form shows the last one that was.";
    if (found) editor.persona = found;
    panel.ask();
  });
  panel.connect({
    url: settings.dataset.live,
    token: token(),
    question: () => (site() ? { site: site(), persona: isBroken ? null : editor.persona } : null),
    answered: ({ parts, problems }) => (editor.said = { parts, problems }),
    nameOf: (path) => editor.nameOf(path),
    goTo(path) {
      document.getElementById("ce-tab-form").click();
      editor.goTo(path);
    },
  });
  document.getElementById("id_site")?.addEventListener("change", async () => {
    if (!site()) return;
    const fresh = await schema();
    editor.names = fresh.seen;
    panel.ask(0);
  });
}

if (settings && area) {
  start().catch(() => {
    // The textarea goes on working by itself.
    settings.hidden = false;
  });
}

// Puts a form on the page of a computed trait: what to begin with, the event that is counted, and
// beside it the sentence and what it comes to. Without it the textarea is the form.

import { asksAt } from "./asking.js";
import { el, select } from "./elements.js";
import { ConditionEditor } from "./editor.js";
import { ConditionPanel } from "./beside.js";
import { leafFields } from "./fields.js";
import { tabs } from "./tabs.js";
import { copy, isObject } from "./tree.js";

const COMPARED = ["op", "value", "bind"];

// One event leaf without its comparison: a card that is not moved, grouped or removed.
class DefinitionEditor extends ConditionEditor {
  get definition() {
    const { kind, ...leaf } = copy(this.history.root);
    for (const name of COMPARED) delete leaf[name];
    return leaf;
  }

  set definition(given) {
    this.history.replace({ kind: "event", ...copy(given) });
    this.draw();
  }

  kind(key) {
    const kind = super.kind(key);
    return { ...kind, fields: kind.fields.filter(({ type }) => type !== "comparison" && type !== "binds") };
  }

  node(path) {
    return el("div", { class: "ce-card ce-leaf", "data-path": "where", "data-node": true }, el("p", { class: "ce-error", hidden: true }), el("div", { class: "ce-fields" }, leafFields(this, path)));
  }
}

class DefinitionPanel extends ConditionPanel {
  counted({ people, known, summary, values }) {
    if (people === undefined) return [];
    const row = ([name, value]) => [el("dt", {}, name), el("dd", {}, value)];
    return [
      el("p", { class: "cp-note" }, `Of the ${people} people seen last, ${known} have a value.`),
      summary.length ? el("dl", { class: "cp-counts" }, summary.flatMap(row)) : "",
      values.length ? el("p", { class: "cp-note" }, "The newest: ", el("span", { class: "cp-values" }, values.join(" · "))) : "",
    ];
  }
}

customElements.define("definition-editor", DefinitionEditor);
customElements.define("definition-panel", DefinitionPanel);

const settings = document.getElementById("computed-editor");
const area = document.getElementById("id_definition");
const field = (name) => document.getElementById(`id_${name}`);
const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
const site = () => settings.dataset.site ?? field("site")?.value ?? "";

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
    return isObject(found) && found.name !== undefined ? found : null;
  } catch {
    return null;
  }
}

// A preset with the names that the site has really seen, where it has seen such.
function filled({ definition, events, properties }, seen) {
  const made = copy(definition);
  made.name = events.find((name) => name === "*" || seen.events?.includes(name)) ?? made.name;
  const own = seen.properties?.[made.name] ?? [];
  if (made.of) made.of = properties.find((name) => own.includes(name)) ?? made.of;
  return made;
}

// The name of a new trait follows the preset until somebody writes another.
function follow(preset, last) {
  const name = field("name");
  if (!name || (name.value !== "" && name.value !== last)) return last;
  name.value = preset.label;
  for (const type of ["input", "keyup", "change"]) name.dispatchEvent(new Event(type, { bubbles: true }));
  return preset.label;
}

async function start() {
  let { language, seen, presets, addresses } = await schema();
  asksAt({ addresses, token, whose: () => ({ site: site() }) });
  const editor = document.createElement("definition-editor");
  const panel = document.createElement("definition-panel");
  const { bar, panels, jsonError } = tabs(editor, "The definition as");
  const row = area.closest(".form-row");
  row.classList.add("has-editor");
  document.querySelector(".field-in_words")?.setAttribute("hidden", "");
  let isBroken = false;
  let named = "";
  const first = read(area.value);
  const beginning = select("cd-preset", [["", "choose …"], ...presets.map(({ key, label }) => [key, label])], "", (key) => {
    const preset = presets.find((one) => one.key === key);
    if (!preset) return;
    editor.definition = filled(preset, seen ?? {});
    named = follow(preset, named);
    changed();
  });
  panels.form.prepend(el("div", { class: "ce-begin" }, el("label", { for: "cd-preset" }, "Begin with"), beginning));
  row.append(el("div", { class: "ce-frame" }, el("div", { class: "ce-main" }, bar, panels.form, panels.json), panel));
  panels.json.prepend(area);
  const root = { kind: "event", ...(first ?? { name: "", aggregate: "count", window: "ever" }) };
  editor.connect({ start: { where: root }, language, seen, name: "cd", label: "Definition" });

  const changed = () => {
    isBroken = false;
    jsonError.hidden = true;
    area.value = JSON.stringify(editor.definition, null, 1);
    panel.ask();
  };
  editor.addEventListener("change-condition", changed);
  area.addEventListener("input", () => {
    const found = read(area.value);
    isBroken = found === null;
    jsonError.hidden = !isBroken;
    jsonError.textContent = "This is no JSON object with the name of an event: the form shows the last one that was.";
    if (found) editor.definition = found;
    panel.ask();
  });
  panel.connect({
    url: settings.dataset.live,
    token: token(),
    question: () => ({ site: site(), definition: isBroken ? null : editor.definition }),
    answered: ({ parts, problems }) => (editor.said = { parts, problems }),
    nameOf: (path) => editor.nameOf(path),
    goTo(path) {
      document.getElementById("ce-tab-form").click();
      editor.goTo(path);
    },
  });
  field("site")?.addEventListener("change", async () => {
    if (!site()) return;
    ({ seen } = await schema());
    editor.names = seen;
    panel.ask(0);
  });
}

if (settings && area) {
  start().catch(() => {
    // The textarea goes on working by itself.
    settings.hidden = false;
  });
}

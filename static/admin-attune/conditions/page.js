// Puts the editor on the segment form. Without it the two textareas are the form.

import { el } from "./elements.js";
import "./editor.js";
import "./beside.js";
import "./policy.js";
import { isObject } from "./tree.js";

const settings = document.getElementById("condition-editor");
const draft = document.getElementById("id_draft");
const policy = document.getElementById("id_draft_policy");

const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
const site = () => document.getElementById("id_site")?.value ?? "";
const whose = () => (settings.dataset.segment ? { segment: settings.dataset.segment } : { site: site() });

async function schema() {
  const response = await fetch(settings.dataset.schema, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify(whose()),
  });
  if (!response.ok) throw new Error(`the schema: ${response.status}`);
  return response.json();
}

function read(text) {
  try {
    const found = JSON.parse(text);
    return isObject(found) && isObject(found.where) ? found : null;
  } catch {
    return null;
  }
}

// Form and JSON as two tabs over the same condition. The textarea is what the form sends.
function tabs(editor) {
  const names = ["form", "json"];
  const labels = { form: "Form", json: "JSON" };
  const jsonError = el("p", { class: "ce-error", hidden: true, id: "ce-json-error" });
  const panels = {
    form: el("div", { role: "tabpanel", id: "ce-panel-form", "aria-labelledby": "ce-tab-form" }, editor),
    json: el("div", { role: "tabpanel", id: "ce-panel-json", "aria-labelledby": "ce-tab-json", hidden: true }, jsonError),
  };
  const made = Object.fromEntries(names.map((name) => [name, el("button", { type: "button", role: "tab", id: `ce-tab-${name}`, "aria-controls": `ce-panel-${name}`, class: "ce-tab" }, labels[name])]));
  const show = (shown) => {
    for (const name of names) {
      made[name].setAttribute("aria-selected", String(name === shown));
      made[name].tabIndex = name === shown ? 0 : -1;
      panels[name].hidden = name !== shown;
    }
  };
  for (const name of names) {
    made[name].addEventListener("click", () => show(name));
    made[name].addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = names[1 - names.indexOf(name)];
      show(other);
      made[other].focus();
    });
  }
  show("form");
  const bar = el("div", { role: "tablist", class: "ce-tabs", "aria-label": "The condition as" }, names.map((name) => made[name]));
  return { bar, panels, jsonError };
}

async function start() {
  const { language, seen } = await schema();
  const editor = document.createElement("condition-editor");
  const rules = document.createElement("policy-editor");
  const panel = document.createElement("condition-panel");
  const { bar, panels, jsonError } = tabs(editor);

  const row = draft.closest(".form-row");
  row.classList.add("has-editor");
  // What was saved is said beside the form as it is now.
  document.querySelector(".field-in_words")?.setAttribute("hidden", "");
  const main = el("div", { class: "ce-main" }, bar, panels.form, panels.json);
  const frame = el("div", { class: "ce-frame" }, main, panel);
  row.append(frame);
  panels.json.prepend(draft);
  const first = read(draft.value);
  editor.connect({ start: first, language, seen, name: "ce", label: "Condition" });
  const write = () => {
    draft.value = JSON.stringify(editor.condition, null, 1);
  };
  if (first === null && ["", "{}", "null"].includes(draft.value.trim())) write();
  else if (first === null) document.getElementById("ce-tab-json").click();

  let isBroken = false;
  editor.addEventListener("change-condition", () => {
    isBroken = false;
    jsonError.hidden = true;
    write();
    panel.ask();
  });
  draft.addEventListener("input", () => {
    const found = read(draft.value);
    isBroken = found === null;
    jsonError.hidden = !isBroken;
    jsonError.textContent = "This is no JSON object with a condition in `where`: the form shows the last one that was.";
    if (found) editor.condition = found;
    panel.ask();
  });

  if (policy) {
    const policyRow = policy.closest(".form-row");
    policyRow.classList.add("has-editor");
    policyRow.append(rules);
    policy.hidden = true;
    rules.connect({ textarea: policy, language, seen });
    rules.addEventListener("change-condition", (event) => {
      // The leave condition is told by its own editor first, then by the policy that holds it.
      if (event.target === rules) panel.ask();
    });
  }

  panel.connect({
    url: settings.dataset.live,
    whyUrl: settings.dataset.why,
    token: token(),
    question: () => (settings.dataset.segment || site() ? { ...whose(), condition: isBroken ? null : editor.condition, policy: rules.policy ?? {} } : null),
    answered(answer) {
      editor.said = { parts: answer.parts, problems: answer.problems.filter(([path]) => !path.startsWith("policy")) };
      if (policy) rules.said = answer;
    },
    nameOf: (path) => (path.startsWith("policy") ? "How members come and go" : editor.nameOf(path)),
    goTo(path) {
      if (path.startsWith("policy")) rules.goTo(path);
      else {
        document.getElementById("ce-tab-form").click();
        editor.goTo(path);
      }
    },
  });

  document.getElementById("id_site")?.addEventListener("change", async () => {
    if (!site()) return;
    const fresh = await schema();
    editor.names = fresh.seen;
    panel.ask(0);
  });
}

if (settings && draft) {
  start().catch(() => {
    // The textarea goes on working by itself.
    settings.hidden = false;
  });
}

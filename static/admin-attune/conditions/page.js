// Puts the editor on the form of a segment or a rule. Without it the textareas are the form.

import { asksAt } from "./asking.js";
import { el } from "./elements.js";
import "./editor.js";
import "./beside.js";
import "./policy.js";
import { tabs } from "./tabs.js";
import { isObject } from "./tree.js";

const settings = document.getElementById("condition-editor");
const draft = document.getElementById(`id_${settings?.dataset.field ?? "draft"}`);
const policy = document.getElementById("id_draft_policy");

const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
const site = () => settings.dataset.site ?? document.getElementById("id_site")?.value ?? "";
const whose = () => (settings.dataset.segment ? { segment: settings.dataset.segment } : { site: site(), rule: settings.dataset.rule });
// Fields of the form that the answer depends on, too.
const also = () => (settings.dataset.also ?? "").split(" ").map((name) => document.getElementById(`id_${name}`)).filter(Boolean);
const beside = () => Object.fromEntries(also().map((field) => [field.name, field.value]));

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

async function start() {
  const { language, seen, addresses } = await schema();
  asksAt({ addresses, token, whose });
  const editor = document.createElement("condition-editor");
  const rules = document.createElement("policy-editor");
  const panel = document.createElement("condition-panel");
  const { bar, panels, jsonError } = tabs(editor);

  const row = draft.closest(".form-row");
  row.classList.add("has-editor");
  // What was saved is said beside the form as it is now.
  for (const name of ["in_words", "findings"]) document.querySelector(`.field-${name}`)?.setAttribute("hidden", "");
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

  const other = document.getElementById("id_fallback_for");
  if (other) {
    other.setAttribute("list", "segments-known");
    other.after(el("datalist", { id: "segments-known" }, (seen.segments ?? []).map(([value, label]) => el("option", { value, label: label || null }))));
  }

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
    question: () => (settings.dataset.segment || site() ? { ...whose(), ...beside(), condition: isBroken ? null : editor.condition, policy: rules.policy ?? {} } : null),
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

  for (const field of also()) field.addEventListener("change", () => panel.ask());
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

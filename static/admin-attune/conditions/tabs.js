import { el } from "./elements.js";

// Form and JSON as two tabs over the same condition. The textarea is what the form sends.
export function tabs(editor, label = "The condition as") {
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
  const bar = el("div", { role: "tablist", class: "ce-tabs", "aria-label": label }, names.map((name) => made[name]));
  return { bar, panels, jsonError };
}

// <policy-editor>: how members come and go. Writes what it says as JSON into its textarea.

import { el, input, select } from "./elements.js";
import { isObject } from "./tree.js";
import { MANY } from "./values.js";

const DURATION = /^(\d+)(ms|s|m|h|d|w)$/;

export class PolicyEditor extends HTMLElement {
  connect({ textarea, language, seen }) {
    Object.assign(this, { textarea, language, seen });
    this.classList.add("policy-editor", "condition-editor");
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", "How members come and go");
    let start = {};
    try {
      start = JSON.parse(textarea.value || "{}");
    } catch {
      // What cannot be read is told by the save; here it starts anew.
    }
    this.policy = isObject(start) ? start : {};
    this.draw();
  }

  set(name, value) {
    if (value === undefined || value === "" || value === false || value === null) delete this.policy[name];
    else this.policy[name] = value;
    this.textarea.value = Object.keys(this.policy).length ? JSON.stringify(this.policy, null, 1) : "{}";
    this.dispatchEvent(new CustomEvent("change-condition", { bubbles: true }));
  }

  draw() {
    const known = this.seen.segments ?? [];
    const segments = [["", "none"], ...known.map(([key, name]) => [key, name || key])];
    const names = el("datalist", { id: "policy-parents" }, known.map(([value, label]) => el("option", { value, label: label || null })));
    const parent = known.length > MANY
      ? input("policy-parent", this.policy.parent, (key) => this.set("parent", key.trim()), { list: "policy-parents" })
      : select("policy-parent", segments, this.policy.parent ?? "", (key) => this.set("parent", key));
    const groups = el("datalist", { id: "policy-groups" }, (this.seen.groups ?? []).map((value) => el("option", { value })));
    this.replaceChildren(
      this.leave(),
      el("div", { class: "ce-fields" },
        this.field("minStay", "Stays at least", this.duration("minStay")),
        this.field("cooldown", "After leaving, not again for", this.duration("cooldown")),
        this.once(),
        this.field("parent", "Only members of", parent),
        this.field("group", "Exclusive group", input("policy-group", this.policy.group, (text) => this.set("group", text.trim()), { list: "policy-groups" }), "Of several segments in it a person is in the first by priority only."),
        this.field("priority", "Priority in it", input("policy-priority", this.policy.priority, (text) => this.set("priority", text === "" ? undefined : Number(text)), { type: "number", step: 1, class: "ce-number" })),
      ),
      groups,
      known.length > MANY ? names : "",
    );
  }

  field(name, label, control, hint) {
    return el("div", { class: "ce-field", "data-path": `policy.${name}` },
      el("div", { class: "ce-label" }, el("label", { for: `policy-${name}` }, label)), control,
      hint ? el("p", { class: "ce-hint" }, hint) : "", el("p", { class: "ce-error", hidden: true }));
  }

  duration(name) {
    const found = DURATION.exec(this.policy[name] ?? "");
    const put = () => this.set(name, number.value.trim() === "" ? undefined : `${number.value.trim()}${unit.value}`);
    const number = input(`policy-${name}`, found?.[1], put, { type: "number", min: 0, step: 1, class: "ce-number" });
    const unit = select(`policy-${name}-unit`, this.language.units, found?.[2] ?? "m", put, { "aria-label": "Unit" });
    return el("span", { class: "ce-pair" }, number, unit);
  }

  once() {
    const box = el("input", { type: "checkbox", id: "policy-once" });
    box.checked = this.policy.once === true;
    box.addEventListener("change", () => this.set("once", box.checked));
    return el("div", { class: "ce-field ce-flag", "data-path": "policy.once" }, box, el("label", { for: "policy-once" }, "Once in a life"), el("p", { class: "ce-error", hidden: true }));
  }

  // A second condition: who is in stays until it is true.
  leave() {
    const made = el("div", { class: "ce-leave" });
    const box = el("input", { type: "checkbox", id: "policy-leave" });
    box.checked = isObject(this.policy.leave);
    const editor = document.createElement("condition-editor");
    const put = () => {
      if (box.checked && !editor.isConnected) {
        made.append(editor);
        editor.connect({
          start: this.policy.leave ?? { v: 1, where: { all: [] } },
          language: this.language, seen: this.seen, name: "leave", label: "Leave condition", hasHelp: false,
        });
        editor.addEventListener("change-condition", () => this.set("leave", editor.condition));
      } else if (!box.checked) {
        editor.remove();
      }
    };
    box.addEventListener("change", () => {
      put();
      this.set("leave", box.checked ? editor.condition : undefined);
    });
    made.append(el("div", { class: "ce-flag" }, box, el("label", { for: "policy-leave" }, "Who is in leaves only when another condition is true")));
    put();
    this.leaveEditor = editor;
    return made;
  }

  set said({ parts, problems }) {
    const inner = "policy.leave.";
    const below = (path) => path.startsWith(inner);
    if (this.leaveEditor.isConnected) {
      this.leaveEditor.said = {
        parts: Object.fromEntries(Object.entries(parts).filter(([path]) => below(path)).map(([path, text]) => [path.slice(inner.length), text])),
        problems: problems.filter(([path]) => below(path)).map(([path, text]) => [path.slice(inner.length), text]),
      };
    }
    for (const error of this.querySelectorAll(":scope > .ce-fields > .ce-field > .ce-error")) error.hidden = true;
    for (const [path, problem] of problems) {
      const error = below(path) ? null : this.querySelector(`[data-path="${CSS.escape(path)}"] > .ce-error`);
      if (error) Object.assign(error, { hidden: false, textContent: problem });
    }
  }

  goTo(path) {
    const inner = "policy.leave.";
    if (path.startsWith(inner)) this.leaveEditor.goTo(path.slice(inner.length));
    else this.querySelector(`[data-path="${CSS.escape(path)}"] :is(input, select)`)?.focus();
  }
}

customElements.define("policy-editor", PolicyEditor);

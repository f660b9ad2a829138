// <condition-editor>: one condition as nested cards, with undo. It knows nothing of the server: it
// is given the language and the names seen, and tells each change by an event "change-condition".

import { button, el, input, select } from "./elements.js";
import { leafFields } from "./fields.js";
import {
  History, childrenOf, copy, get, groupMade, groupOf, isObject, listOf, listPath, moved, movedIn, movedOut, parentOf, pathText, removed, setAt,
} from "./tree.js";

export class ConditionEditor extends HTMLElement {
  // `start` is the condition document; `name` makes the ids of several editors differ.
  connect({ start, language, seen, name, label }) {
    this.language = language;
    this.seen = seen;
    this.name = name;
    this.label = label;
    this.problems = [];
    this.parts = {};
    this.history = new History(isObject(start) && isObject(start.where) ? copy(start.where) : { all: [] });
    this.classList.add("condition-editor");
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", label);
    this.addEventListener("keydown", (event) => this.heard(event));
    this.waitForClicks();
    this.draw();
  }

  get condition() {
    return { v: 1, where: copy(this.history.root) };
  }

  set condition(document) {
    this.history.replace(copy(document.where));
    this.draw();
  }

  set names(seen) {
    this.seen = seen;
    this.draw();
  }

  // What the fields ask of the form.

  id(path) {
    return `${this.name}-${pathText(path)}`;
  }

  get(path) {
    return get(this.history.root, path);
  }

  kind(key) {
    return this.language.kinds.find((one) => one.key === key) ?? { fields: [], label: key };
  }

  aggregate(key) {
    return this.language.aggregates.find((one) => one.key === key);
  }

  // Names seen on the site, [name, label]; properties are of an event where it is known.
  get namesOfProperties() {
    return [...new Set(Object.values(this.seenNow.properties ?? {}).flat())].sort();
  }

  get seenNow() {
    return this.seen ?? {};
  }

  offered(what, event) {
    const seen = this.seenNow;
    if (what === "events") return [...(seen.events ?? []), "*"].map((one) => [one, one === "*" ? "any event" : ""]);
    if (what !== "properties") return seen[what] ?? [];
    const own = seen.properties?.[event];
    return (own ?? this.namesOfProperties).map((one) => [one, ""]);
  }

  datalist(what, event) {
    const own = what === "properties" && this.seenNow.properties?.[event];
    const id = `${this.name}-seen-${what}${own ? `-${event}` : ""}`;
    if (!this.lists.has(id)) {
      const options = this.offered(what, event).map(([value, label]) => el("option", { value, label: label || null }));
      this.lists.set(id, el("datalist", { id }, options));
    }
    return id;
  }

  set(path, value, { redraw = true, merge = null, later = false, focus = null } = {}) {
    this.history.root = setAt(this.history.root, path, value);
    this.history.commit(merge);
    this.told();
    if (redraw) this.draw(focus && this.id(focus));
    else this.markUndo();
    if (later) this.retarget(document.activeElement, value);
  }

  // The name of an event decides which properties are offered beside it.
  retarget(input, event) {
    const id = this.datalist("properties", event);
    const place = input?.closest(".ce-part, .ce-step, .ce-card");
    for (const other of place?.querySelectorAll(`input[list^="${this.name}-seen-properties"]`) ?? []) {
      if (other.closest(".ce-part, .ce-step, .ce-card") === place) other.setAttribute("list", id);
    }
    this.lastElementChild.append(this.lists.get(id));
  }

  // Change the object at `path` in place. `focus`: the path of the field to go to afterwards.
  change(path, edit, focus = null, suffix = "") {
    edit(get(this.history.root, path));
    this.history.commit();
    this.told();
    this.draw(focus && this.id(focus) + suffix);
  }

  told() {
    this.dispatchEvent(new CustomEvent("change-condition", { bubbles: true }));
  }

  // Drawing

  // A press takes the focus from a field, whose change would draw everything anew: the button that
  // was pressed must still be there when the press becomes a click.
  waitForClicks() {
    const released = () => {
      this.isPressed = false;
      setTimeout(() => {
        if (this.isWaiting) this.draw();
      });
    };
    this.addEventListener("pointerdown", () => (this.isPressed = true), true);
    this.addEventListener("click", released, true);
    document.addEventListener("pointerup", () => setTimeout(() => this.isPressed && released(), 100), true);
  }

  draw(wanted = null) {
    this.isWaiting = this.isPressed === true;
    if (this.isWaiting) return;
    const active = document.activeElement;
    const inside = this.contains(active) ? active.id : null;
    const start = inside && active.selectionStart !== undefined && active.type !== "number" ? active.selectionStart : null;
    this.lists = new Map();
    const tree = this.node([], this.history.root, { index: 0, count: 1 });
    this.undoButton = button("Undo", () => this.undo(), { id: `${this.name}-undo`, title: "Ctrl+Z", disabled: !this.history.past.length });
    this.redoButton = button("Redo", () => this.redo(), { id: `${this.name}-redo`, title: "Ctrl+Shift+Z", disabled: !this.history.future.length });
    this.replaceChildren(
      el("div", { class: "ce-bar" }, this.undoButton, this.redoButton, el("span", { class: "ce-keys" }, "Alt + arrow keys move a condition: up, down, out of its group, into the one before")),
      tree,
      el("div", { hidden: true }, [...this.lists.values()]),
    );
    this.show();
    const goal = document.getElementById(wanted ?? inside ?? "");
    if (goal && goal !== document.activeElement && (wanted || inside)) {
      goal.focus({ preventScroll: !wanted });
      if (start !== null && !wanted && goal.setSelectionRange && goal.type === "text") goal.setSelectionRange(start, start);
    }
  }

  markUndo() {
    this.undoButton.disabled = !this.history.past.length;
    this.redoButton.disabled = !this.history.future.length;
  }

  node(path, node, place) {
    const group = groupOf(node);
    if (group === null) {
      return el("div", { class: "ce-card ce-odd", "data-path": pathText(path) }, el("p", {}, "This part is no condition that a form can show. Edit it as JSON."), el("p", { class: "ce-error", hidden: true }));
    }
    return group ? this.group(path, node, group, place) : this.leaf(path, node, place);
  }

  group(path, node, name, place) {
    const children = childrenOf(node, path);
    const list = listOf(node);
    const head = el("div", { class: "ce-head" }, select(`${this.id(path)}-which`, this.language.groups.map(({ key, label }) => [key, label]), name, (chosen) => {
      const kept = children.map(([child]) => child);
      this.place(path, groupMade(chosen, kept.length === 1 && groupOf(kept[0]) && chosen !== "not" && name === "not" ? (listOf(kept[0]) ?? kept) : kept), `${this.id(path)}-which`);
    }, { "aria-label": "Which of these must hold" }));
    if (name === "at_least") {
      const k = [...path, "at_least", "k"];
      head.append(el("span", { class: "ce-value", "data-path": pathText(k) },
        input(this.id(k), node.at_least.k, (text) => this.set(k, text === "" ? null : Number(text), { redraw: false, merge: pathText(k) }), { type: "number", min: 1, max: Math.max(1, children.length), class: "ce-number", "aria-label": "How many" }),
        el("p", { class: "ce-error", hidden: true })));
    }
    head.append(this.tools(path, place, "group"));
    const made = el("div", { class: `ce-card ce-group ce-${name}`, role: "group", "aria-label": this.placed(place, this.language.groups.find(({ key }) => key === name).label), "data-path": pathText(path), "data-node": true, id: `${this.id(path)}-card`, tabindex: -1 }, head, el("p", { class: "ce-error", hidden: true }));
    const body = el("div", { class: "ce-children", "data-path": pathText(list ? listPath(node, path) : [...path, "not"]) });
    children.forEach(([child, at], index) => body.append(this.node(at, child, { index, count: children.length })));
    if (name === "all" && !children.length) body.append(el("p", { class: "ce-empty" }, path.length ? "Empty: everyone." : "No condition yet: everyone."));
    body.append(el("p", { class: "ce-error", hidden: true }));
    made.append(body);
    if (list) made.append(this.adder(path, list));
    return made;
  }

  adder(path, list) {
    const heads = [...new Set(this.language.kinds.map(({ under }) => under))];
    const options = heads.map((label) => ({ label, options: this.language.kinds.filter(({ under }) => under === label).map(({ key, label: text }) => [key, text]) }));
    const chooser = select(`${this.id(path)}-new`, options, this.lastKind ?? "event", (kind) => (this.lastKind = kind), { "aria-label": "Kind of condition" });
    const add = (node) => {
      const at = [...listPath(get(this.history.root, path), path), list.length];
      listOf(get(this.history.root, path)).push(node);
      this.history.commit();
      this.told();
      this.draw();
      this.focusIn(at);
    };
    return el("div", { class: "ce-adder" }, chooser,
      button("Add condition", () => add(copy(this.kind(chooser.value).new)), { id: `${this.id(path)}-add` }),
      button("Add group", () => add({ any: [] }), { id: `${this.id(path)}-add-group` }));
  }

  leaf(path, leaf, place) {
    const kind = this.kind(leaf.kind);
    const heads = [...new Set(this.language.kinds.map(({ under }) => under))];
    const options = heads.map((label) => ({ label, options: this.language.kinds.filter(({ under }) => under === label).map(({ key, label: text }) => [key, text]) }));
    const id = this.id([...path, "kind"]);
    const chooser = select(id, options, leaf.kind, (chosen) => this.place(path, copy(this.kind(chosen).new), id), { "aria-label": "Kind of condition" });
    const made = el("div", { class: "ce-card ce-leaf", role: "group", "aria-label": this.placed(place, kind.label), "data-path": pathText(path), "data-node": true, id: `${this.id(path)}-card`, tabindex: -1 },
      el("div", { class: "ce-head" }, chooser, this.tools(path, place, "condition")),
      el("p", { class: "ce-words", "data-words": pathText(path) }),
      el("p", { class: "ce-error", hidden: true }),
      el("div", { class: "ce-fields" }, leafFields(this, path)));
    if (!path.length) {
      made.append(el("div", { class: "ce-adder" }, button("Add another condition", () => {
        this.place([], { all: [copy(leaf), copy(this.kind("event").new)] });
        this.focusIn(["all", 1]);
      })));
    }
    return made;
  }

  placed({ index, count }, label) {
    return count > 1 ? `${label}, ${index + 1} of ${count}` : label;
  }

  tools(path, place, what) {
    const at = this.id(path);
    const tools = el("span", { class: "ce-tools" });
    const tool = (sign, name, heard, disabled = false) =>
      tools.append(button(sign, heard, { id: `${at}-${name.toLowerCase().replaceAll(" ", "-")}`, "aria-label": `${name} this ${what}`, title: name, disabled }));
    const isListed = typeof path.at(-1) === "number";
    if (isListed) {
      const canLeave = (parentOf(path) ?? []).length > 0 && typeof parentOf(path).at(-1) === "number";
      tool("↑", "Move up", () => this.move(path, -1, "-move-up"), !place.index && !canLeave);
      tool("↓", "Move down", () => this.move(path, 1, "-move-down"), place.index === place.count - 1 && !canLeave);
      tool("copy", "Duplicate", () => this.duplicate(path));
    }
    tool("group", "Group", () => this.place(path, { all: [copy(this.get(path))] }, `${at}-which`));
    if (path.length) tool("×", "Remove", () => this.drop(path));
    else if (what === "condition") tool("×", "Remove", () => this.place([], { all: [] }));
    return tools;
  }

  // Changes of the tree

  place(path, node, focus = null) {
    this.history.root = setAt(this.history.root, path, node);
    this.history.commit();
    this.told();
    this.draw(focus);
  }

  move(path, step, suffix = "-card") {
    this.went(moved(this.history.root, path, step), suffix);
  }

  went(found, suffix) {
    if (!found) return;
    [this.history.root] = found;
    this.history.commit();
    this.told();
    this.draw(this.id(found[1]) + suffix);
    if (!this.contains(document.activeElement) || document.activeElement.disabled) this.focusOn(found[1]);
  }

  duplicate(path) {
    const list = get(this.history.root, path.slice(0, -1));
    list.splice(path.at(-1) + 1, 0, copy(list[path.at(-1)]));
    this.history.commit();
    this.told();
    this.draw();
    this.focusIn([...path.slice(0, -1), path.at(-1) + 1]);
  }

  drop(path) {
    this.history.root = removed(this.history.root, path);
    this.history.commit();
    this.told();
    this.draw();
    this.focusOn(parentOf(path) ?? []);
  }

  focusOn(path) {
    document.getElementById(`${this.id(path)}-card`)?.focus();
  }

  // The first field of a card.
  focusIn(path) {
    const card = document.getElementById(`${this.id(path)}-card`);
    (card?.querySelector(".ce-fields input, .ce-fields select, .ce-head select") ?? card)?.focus();
  }

  undo() {
    if (this.history.undo()) this.again("undo");
  }

  redo() {
    if (this.history.redo()) this.again("redo");
  }

  again(name) {
    this.told();
    const onButton = document.activeElement?.id === `${this.name}-${name}`;
    this.draw();
    const here = document.activeElement;
    if (!this.contains(here) || here.disabled) {
      const goal = onButton ? document.getElementById(`${this.name}-${name}`) : null;
      if (goal && !goal.disabled) goal.focus();
      else this.focusOn([]);
    }
  }

  heard(event) {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === "z" || key === "y")) {
      event.preventDefault();
      event.stopPropagation();
      if (key === "y" || event.shiftKey) this.redo();
      else this.undo();
      return;
    }
    if (!event.altKey || event.ctrlKey || !key.startsWith("arrow")) return;
    const card = event.target.closest("[data-node]");
    const path = card && this.pathOf(card.dataset.path);
    if (!path || !path.length) return;
    event.preventDefault();
    event.stopPropagation();
    if (key === "arrowup") this.move(path, -1);
    else if (key === "arrowdown") this.move(path, 1);
    else if (key === "arrowleft") this.went(movedOut(this.history.root, path, true), "-card");
    else this.went(movedIn(this.history.root, path), "-card");
  }

  pathOf(text) {
    if (text === "where") return [];
    return text.split(/[.[]/).map((key) => (key.endsWith("]") ? Number(key.slice(0, -1)) : key));
  }

  // What the server says: words below each leaf, problems where they are.

  set said({ parts, problems }) {
    this.parts = parts;
    this.problems = problems;
    this.show();
  }

  show() {
    for (const words of this.querySelectorAll("[data-words]")) words.textContent = this.parts[words.dataset.words] ?? "";
    for (const error of this.querySelectorAll(".ce-error:not([hidden])")) error.hidden = true;
    for (const control of this.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid");
      control.removeAttribute("aria-describedby");
    }
    for (const [path, problem] of this.problems) this.mark(path, problem);
  }

  // The smallest part of the form that a path lies in.
  placeOf(path) {
    let found = null;
    let best = -1;
    for (const part of this.querySelectorAll("[data-path]")) {
      const own = part.dataset.path === "where" ? "" : part.dataset.path;
      const isAbove = own === "" || path === own || path.startsWith(`${own}.`) || path.startsWith(`${own}[`);
      if (isAbove && own.length >= best && part.querySelector(":scope > .ce-error, :scope > * > .ce-error")) {
        found = part;
        best = own.length;
      }
    }
    return found;
  }

  mark(path, problem) {
    const part = this.placeOf(path);
    const error = part?.querySelector(":scope > .ce-error") ?? part?.querySelector(".ce-error");
    if (!error) return;
    error.textContent = error.hidden ? problem : `${error.textContent}; ${problem}`;
    error.hidden = false;
    error.id ||= `${this.name}-error-${path}`;
    if (part.matches("[data-node], ol, .ce-step, .ce-children, .ce-part")) return;
    const control = part.querySelector("input, select, textarea");
    control?.setAttribute("aria-invalid", "true");
    control?.setAttribute("aria-describedby", error.id);
  }

  // What people would call the place of a problem; "" where nothing has a name.
  nameOf(path) {
    const label = this.placeOf(path)?.closest(".ce-field, .ce-filter, .ce-step, [data-node]");
    return label?.querySelector(":scope > .ce-label label")?.textContent ?? label?.getAttribute("aria-label") ?? "";
  }

  // Go to where a problem is.
  goTo(path) {
    const part = this.placeOf(path);
    (part?.querySelector("[aria-invalid]") ?? part?.querySelector("input, select, textarea") ?? part)?.focus();
  }
}

customElements.define("condition-editor", ConditionEditor);

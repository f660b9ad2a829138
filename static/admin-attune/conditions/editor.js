// <condition-editor>: one condition as nested cards, with undo. It knows nothing of the server: it
// is given the language and the names seen, and tells each change by an event "change-condition".

import { audience } from "./audience.js";
import { draggable } from "./dragging.js";
import { button, el, input, select } from "./elements.js";
import { leafFields } from "./fields.js";
import { ConditionMarks } from "./marks.js";
import { sentences } from "./sentences.js";
import { timeline } from "./timeline.js";
import {
  History, childrenOf, copy, get, groupMade, groupOf, isObject, listOf, listPath, moved, movedIn, movedOut, parentOf, pathText, removed, setAt,
} from "./tree.js";

export class ConditionEditor extends ConditionMarks {
  // `start` is the condition document; `name` makes the ids of several editors differ; `hasHelp`:
  // it offers sentences to begin with, and the row of segments in and out.
  connect({ start, language, seen, name, label, hasHelp = true }) {
    this.hasHelp = hasHelp;
    this.saying = el("p", { class: "ce-said", role: "status" });
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
    else this.markChanged();
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
      el("div", { class: "ce-bar" }, this.undoButton, this.redoButton, el("span", { class: "ce-keys" }, "Drag a condition by its handle, or move it with Alt + arrow keys: up, down, out of its group, into the one before")),
      tree,
      this.saying,
      el("div", { hidden: true }, [...this.lists.values()]),
    );
    this.show();
    draggable(this);
    const goal = document.getElementById(wanted ?? inside ?? "");
    if (goal && goal !== document.activeElement && (wanted || inside)) {
      goal.focus({ preventScroll: !wanted });
      if (start !== null && !wanted && goal.setSelectionRange && goal.type === "text") goal.setSelectionRange(start, start);
    }
  }

  // After a change that draws nothing anew: the buttons, and the pictures of time.
  markChanged() {
    this.undoButton.disabled = !this.history.past.length;
    this.redoButton.disabled = !this.history.future.length;
    for (const slot of this.querySelectorAll("[data-picture]")) slot.replaceChildren(timeline(this.get(this.pathOf(slot.dataset.picture))));
  }

  // Said aloud to who cannot see what moved.
  say(text) {
    this.saying.textContent = "";
    setTimeout(() => (this.saying.textContent = text));
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
    const head = el("div", { class: "ce-head" }, this.grip(path), select(`${this.id(path)}-which`, this.language.groups.map(({ key, label }) => [key, label]), name, (chosen) => {
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
    if (!path.length && this.hasHelp) made.prepend(audience(this));
    const body = el("div", { class: "ce-children", "data-list": Boolean(list), "data-path": pathText(list ? listPath(node, path) : [...path, "not"]) });
    children.forEach(([child, at], index) => body.append(this.node(at, child, { index, count: children.length })));
    if (name === "all" && !children.length) body.append(el("p", { class: "ce-empty" }, path.length ? "Empty: everyone." : "No condition yet: everyone."));
    body.append(el("p", { class: "ce-error", hidden: true }));
    made.append(body);
    if (list) made.append(this.adder(path, list));
    const isOffered = !path.length && list && this.hasHelp;
    if (isOffered && (this.isBeginning || (name === "all" && !children.length))) made.append(sentences(this, (part) => this.begin(part)));
    return made;
  }

  // A sentence that was filled in goes into the root: each of its parts, where the root asks for all.
  begin(part) {
    this.isBeginning = false;
    const list = listOf(this.history.root);
    const parts = groupOf(part) === "all" && groupOf(this.history.root) === "all" ? part.all : [part];
    const at = [...listPath(this.history.root, []), list.length];
    list.push(...parts);
    this.history.commit();
    this.told();
    this.draw();
    this.focusIn(at);
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
      button("Add group", () => add({ any: [] }), { id: `${this.id(path)}-add-group` }),
      !path.length && this.hasHelp && list.length ? button("Sentences …", () => {
        this.isBeginning = !this.isBeginning;
        this.draw();
      }, { id: `${this.id(path)}-sentences`, "aria-expanded": String(this.isBeginning === true) }) : "");
  }

  leaf(path, leaf, place) {
    const kind = this.kind(leaf.kind);
    const heads = [...new Set(this.language.kinds.map(({ under }) => under))];
    const options = heads.map((label) => ({ label, options: this.language.kinds.filter(({ under }) => under === label).map(({ key, label: text }) => [key, text]) }));
    const id = this.id([...path, "kind"]);
    const chooser = select(id, options, leaf.kind, (chosen) => this.place(path, copy(this.kind(chosen).new), id), { "aria-label": "Kind of condition" });
    const made = el("div", { class: "ce-card ce-leaf", role: "group", "aria-label": this.placed(place, kind.label), "data-path": pathText(path), "data-node": true, id: `${this.id(path)}-card`, tabindex: -1 },
      el("div", { class: "ce-head" }, this.grip(path), chooser, this.tools(path, place, "condition")),
      el("p", { class: "ce-words", "data-words": pathText(path) }),
      el("p", { class: "ce-error", hidden: true }),
      el("div", { class: "ce-fields" }, leafFields(this, path)),
      el("div", { "data-picture": pathText(path) }, timeline(leaf)));
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

  // What a card is dragged by. The arrows beside it do the same, so it is for pointers alone.
  grip(path) {
    return typeof path.at(-1) === "number" ? el("span", { class: "ce-grip", "aria-hidden": "true", title: "Drag to move" }, "⠿") : "";
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
    const card = document.getElementById(`${this.id(found[1])}-card`);
    const into = card?.parentElement.closest("[data-node]");
    this.say(`Moved: ${card?.getAttribute("aria-label") ?? ""}${into ? `, in “${into.getAttribute("aria-label")}”` : ""}.`);
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
}

customElements.define("condition-editor", ConditionEditor);

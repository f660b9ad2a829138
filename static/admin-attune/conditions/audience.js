// One row for what most audiences are: members of some segments, but of no others. It is another
// way to write two ordinary parts of the condition: any of (segments), none of (segments).

import { button, el, input } from "./elements.js";
import { groupOf, isObject, listOf } from "./tree.js";

const isSegment = (node) => isObject(node) && node.kind === "segment";
const ROWS = [["any", "Members of any of"], ["none", "but not members of any of"]];

// Where in the root's list the part of this row is; -1 for nowhere.
function placeOf(root, name) {
  if (groupOf(root) !== "all") return -1;
  return root.all.findIndex((node) => groupOf(node) === name && node[name].length > 0 && node[name].every(isSegment));
}

export function audience(form) {
  const names = form.offered("segments");
  if (!names.length && ROWS.every(([name]) => placeOf(form.get([]), name) < 0)) return "";
  const list = form.datalist("segments");
  const made = el("section", { class: "ce-audience", "aria-label": "Audience: segments in and out" });
  for (const [name, label] of ROWS) made.append(row(form, name, label, list));
  return made;
}

function row(form, name, label, list) {
  const at = placeOf(form.get([]), name);
  const keys = at < 0 ? [] : form.get([])["all"][at][name].map((one) => one.key);
  const called = new Map(form.offered("segments"));
  const id = `${form.name}-audience-${name}`;
  const field = input(id, "", () => {}, { list, "aria-label": `${label}: add a segment`, placeholder: keys.length ? "and …" : "a segment …" });
  const add = () => {
    const key = keyOf(form, field.value.trim());
    if (key && !keys.includes(key)) change(form, name, [...keys, key], id);
  };
  field.addEventListener("change", add);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  });
  return el("div", { class: "ce-row" }, el("span", { class: "ce-word" }, label),
    keys.map((key) => el("span", { class: "ce-chip" }, called.get(key) || key,
      button("×", () => change(form, name, keys.filter((one) => one !== key), id), { class: "ce-chip-out", "aria-label": `Take out ${called.get(key) || key}` }))),
    field);
}

// A segment may be chosen by its key or typed by its name.
function keyOf(form, text) {
  const names = form.offered("segments");
  const found = names.find(([key]) => key === text) ?? names.find(([, name]) => name.toLowerCase() === text.toLowerCase());
  return found?.[0];
}

function change(form, name, keys, focus) {
  let root = form.get([]);
  if (groupOf(root) !== "all") root = { all: listOf(root)?.length === 0 ? [] : [root] };
  const at = placeOf(root, name);
  const part = { [name]: keys.map((key) => ({ kind: "segment", key })) };
  if (at >= 0) root.all.splice(at, 1, ...(keys.length ? [part] : []));
  else root.all.splice(name === "any" ? 0 : placeOf(root, "any") + 1, 0, part);
  form.place([], root, focus);
}

// The document that is edited: plain JSON, places in it, and the changes that keep its shape.
//
// A path is a list of keys and indexes below `where`: ["all", 0, "steps", 1, "name"]. Its text,
// "all[0].steps[1].name", is what the server's refusals say.

const GROUPS = ["all", "any", "none", "not", "at_least"];

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export const copy = (value) => JSON.parse(JSON.stringify(value));

export function pathText(path) {
  let text = "";
  for (const key of path) text += typeof key === "number" ? `[${key}]` : text ? `.${key}` : key;
  return text || "where";
}

// The name of a group node ("all"), undefined for a leaf, null for neither.
export function groupOf(node) {
  if (!isObject(node)) return null;
  if ("kind" in node) return undefined;
  const names = Object.keys(node);
  return names.length === 1 && GROUPS.includes(names[0]) ? names[0] : null;
}

// The children of a group with their paths.
export function childrenOf(node, path) {
  const name = groupOf(node);
  if (!name) return [];
  if (name === "not") return [[node.not, [...path, "not"]]];
  const list = name === "at_least" ? node.at_least?.of : node[name];
  const at = name === "at_least" ? [...path, name, "of"] : [...path, name];
  return Array.isArray(list) ? list.map((child, i) => [child, [...at, i]]) : [];
}

export function listOf(node) {
  const name = groupOf(node);
  if (!name || name === "not") return null;
  return name === "at_least" ? node.at_least.of : node[name];
}

export function listPath(node, path) {
  const name = groupOf(node);
  return name === "at_least" ? [...path, name, "of"] : [...path, name];
}

export function groupMade(name, children) {
  if (name === "at_least") return { at_least: { k: Math.max(1, Math.min(2, children.length)), of: children } };
  if (name === "not") return { not: children.length === 1 ? children[0] : { all: children } };
  return { [name]: children };
}

// The path of the group that holds the node at `path`; null for the root.
export function parentOf(path) {
  if (!path.length) return null;
  if (path.at(-1) === "not") return path.slice(0, -1);
  const cut = path.at(-2) === "of" ? 3 : 2;
  return path.slice(0, -cut);
}

export function get(root, path) {
  let found = root;
  for (const key of path) found = found?.[key];
  return found;
}

// A document with its past. Texts are kept, so that no state can be changed afterwards.
export class History {
  constructor(root) {
    this.root = root;
    this.text = JSON.stringify(root);
    this.past = [];
    this.future = [];
    this.merged = null;
    this.at = 0;
  }

  // Note that `root` was changed. Changes with the same `merge` shortly after each other are one.
  commit(merge = null) {
    const text = JSON.stringify(this.root);
    if (text === this.text) return;
    const now = Date.now();
    if (merge === null || merge !== this.merged || now - this.at > 1500) this.past.push(this.text);
    if (this.past.length > 200) this.past.shift();
    this.merged = merge;
    this.at = now;
    this.text = text;
    this.future = [];
  }

  replace(root, merge = null) {
    this.root = root;
    this.commit(merge);
  }

  undo() {
    return this.go(this.past, this.future);
  }

  redo() {
    return this.go(this.future, this.past);
  }

  go(from, to) {
    if (!from.length) return false;
    to.push(this.text);
    this.text = from.pop();
    this.root = JSON.parse(this.text);
    this.merged = null;
    return true;
  }
}

export function setAt(root, path, value) {
  if (!path.length) return value;
  const holder = get(root, path.slice(0, -1));
  if (value === undefined) {
    if (Array.isArray(holder)) holder.splice(path.at(-1), 1);
    else delete holder[path.at(-1)];
  } else {
    holder[path.at(-1)] = value;
  }
  return root;
}

// Moves. Each returns [the new root, the path of what was moved], or null where there is no way.

// The node at `path` to a place in another list, or its own: `index` counts what is there besides
// it. Whoever moves something, by keys or by hand, comes here.
export function placed(root, path, toList, index) {
  const from = get(root, path.slice(0, -1));
  const to = get(root, toList);
  const node = get(root, path);
  if (!Array.isArray(from) || !Array.isArray(to) || typeof path.at(-1) !== "number") return null;
  if (holds(node, to)) return null;
  const group = get(root, parentOf(path));
  from.splice(path.at(-1), 1);
  to.splice(Math.max(0, Math.min(index, to.length)), 0, node);
  if (group?.at_least) group.at_least.k = fitting(group.at_least);
  return [root, pathTo(root, node, [])];
}

const holds = (node, list) => listOf(node) === list || childrenOf(node, []).some(([child]) => holds(child, list));

function pathTo(node, wanted, path) {
  if (node === wanted) return path;
  for (const [child, at] of childrenOf(node, path)) {
    const found = pathTo(child, wanted, at);
    if (found) return found;
  }
  return null;
}

export function moved(root, path, step) {
  const parent = parentOf(path);
  if (!parent) return null;
  const list = listOf(get(root, parent));
  const i = path.at(-1);
  if (!list || typeof i !== "number") return null;
  if (i + step < 0 || i + step >= list.length) return movedOut(root, path, step > 0);
  return placed(root, path, path.slice(0, -1), i + step);
}

// Out of its group, to the place after or before it.
export function movedOut(root, path, isAfter) {
  const parent = parentOf(path);
  if (!parent || !parent.length) return null;
  if (!listOf(get(root, parentOf(parent))) || !listOf(get(root, parent))) return null;
  return placed(root, path, parent.slice(0, -1), parent.at(-1) + (isAfter ? 1 : 0));
}

// Into the group just before it.
export function movedIn(root, path) {
  const i = path.at(-1);
  if (typeof i !== "number" || i === 0) return null;
  const before = [...path.slice(0, -1), i - 1];
  const target = listOf(get(root, before));
  if (!target) return null;
  return placed(root, path, listPath(get(root, before), before), target.length);
}

const fitting = ({ k, of }) => Math.max(1, Math.min(k, of.length));

export function removed(root, path) {
  const parent = parentOf(path);
  if (!parent) return { all: [] };
  if (path.at(-1) === "not") return removed(root, parent);
  get(root, path.slice(0, -1)).splice(path.at(-1), 1);
  const group = get(root, parent);
  if (group.at_least) group.at_least.k = fitting(group.at_least);
  return root;
}

// Step `index` of a sequence goes; what names steps by number goes on meaning the same ones.
export function withoutStep(leaf, index) {
  leaf.steps.splice(index, 1);
  if (leaf.steps.length) delete leaf.steps[0].within;
  const number = index + 1;
  if (Array.isArray(leaf.without)) {
    leaf.without = leaf.without
      .filter((gap) => gap.after !== number && gap.after !== number - 1)
      .map((gap) => (gap.after > number ? { ...gap, after: gap.after - 1 } : gap));
    if (!leaf.without.length) delete leaf.without;
  }
  if (isObject(leaf.bind)) {
    for (const [name, bind] of Object.entries(leaf.bind)) {
      if (bind.step === number) delete leaf.bind[name];
      else if (bind.step > number) bind.step -= 1;
    }
    if (!Object.keys(leaf.bind).length) delete leaf.bind;
  }
}

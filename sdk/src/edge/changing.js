/** How a placement would decide with an arm's changes: the twin of engine/changing.py, on documents. */

/**
 * The rules that are on and the block, as they are with an arm's changes. The server has checked that all of it
 * is there.
 *
 * @param {object[]} rules all of the placement's, those that are switched off too.
 * @param {object} block
 * @param {object} changes the fields of `ChangesDoc` (engine/experiment_docs.py).
 * @param {Map<string, {number: number}>} segments
 * @returns {{rules: object[], block: object}}
 */
export function changed(rules, block, changes, segments) {
  const { depth = "all", thresholds = [] } = changes;
  const on = inPlace(rules, new Map(Object.entries(changes.rules ?? {})));
  const deep = depth === "all" ? on : depth === "rules" ? on.filter((rule) => !asksModel(rule.condition)) : [];
  const renamed = renaming(new Map(Object.entries(changes.segments ?? {})), new Map(Object.entries(changes.models ?? {})));
  const made = deep.map((rule) => {
    const own = thresholds.filter((one) => one.rule === rule.key);
    return { ...rule, condition: swapped(swapped(rule.condition, (leaf) => numbered(leaf, own)), renamed) };
  });
  return { rules: made, block: blockWith(block, changes, depth, segments) };
}

/** The rules that are on. One that is put somewhere is there, with that place's priority. */
function inPlace(rules, wanted) {
  const known = new Map(rules.map((rule) => [rule.key, rule]));
  const moved = new Set(wanted.values());
  return rules.flatMap((rule) => {
    if (!wanted.has(rule.key)) return rule.enabled !== false && !moved.has(rule.key) ? [rule] : [];
    const other = known.get(wanted.get(rule.key));
    return other ? [{ ...other, priority: rule.priority ?? 0, enabled: true }] : [];
  });
}

function asksModel(condition) {
  let asks = false;
  swapped(condition, (leaf) => {
    asks ||= leaf.kind === "model";
    return leaf;
  });
  return asks;
}

function numbered(leaf, thresholds) {
  const isNumber = typeof leaf.value === "number" && ["trait", "context", "model"].includes(leaf.kind);
  const met = isNumber && thresholds.find(({ fact, before }) => leaf.name === fact && leaf.value === before);
  return met ? { ...leaf, value: met.after } : leaf;
}

/** Another segment or model wherever a condition asks for one of these. */
function renaming(segments, models) {
  return (leaf) => {
    if (leaf.kind === "segment" && segments.has(leaf.key)) return { ...leaf, key: segments.get(leaf.key) };
    if (leaf.kind === "model" && models.has(leaf.name)) return { ...leaf, name: models.get(leaf.name) };
    return leaf;
  };
}

/** A condition's document with other leaves. */
function swapped(part, swap) {
  if (Array.isArray(part)) return part.map((one) => swapped(one, swap));
  if (typeof part !== "object" || part === null) return part;
  if ("kind" in part) return swap(part);
  return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, swapped(one, swap)]));
}

function blockWith(block, changes, depth, segments) {
  const numbers = new Map(
    Object.entries(changes.segments ?? {}).map(([key, other]) => [segments.get(key).number, segments.get(other).number]),
  );
  const tagsOf = ({ segments: tags = [] }) => tags.map((number) => numbers.get(number) ?? number);
  // By which recommender a list is filled is for the server: an edge has none.
  return { ...block, variants: block.variants.map((one) => ({ ...one, segments: depth === "none" ? [] : tagsOf(one) })) };
}

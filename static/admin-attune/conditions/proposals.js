// Thresholds proposed beside a number: how the site's people have been in the past weeks, what each
// threshold would have done, and one click to take it.

import { ask, canAsk } from "./asking.js";
import { button, el, input, select, svg } from "./elements.js";

const KINDS = new Set(["event", "dwell", "score", "exposure", "trait", "model"]);
const ORDERED = new Set(["gt", "gte", "lt", "lte"]);
const HORIZONS = [["1", "1 day"], ["7", "7 days"], ["14", "14 days"]];
const WIDTH = 600;
const HEIGHT = 90;

// The button beside the number at `inner` below a leaf. What it compares with is a threshold only
// where more or less of it is asked for.
export function proposer(form, path, inner = ["value"]) {
  const leaf = form.get(path);
  if (!canAsk() || (inner[0] === "value" && (!KINDS.has(leaf.kind) || !ORDERED.has(leaf.op)))) return "";
  const id = `${form.id(path)}-propose${inner[0] === "value" ? "" : `-${inner.join("-")}`}`;
  const made = button("Propose a number …", () => {
    const there = document.getElementById(`${id}-panel`);
    made.setAttribute("aria-expanded", String(!there));
    if (there) there.remove();
    else made.closest(".ce-comparison, .ce-field").append(panel(form, path, inner, id));
  }, { id, class: "ce-button ce-add", "aria-expanded": "false" });
  return made;
}

function panel(form, path, inner, id) {
  const found = el("div", { "aria-live": "polite" });
  const events = form.datalist("events");
  form.lastElementChild.append(form.lists.get(events));
  const goal = input(`${id}-goal`, form.goal ?? "Order Completed", (text) => (form.goal = text), { list: events });
  const horizon = select(`${id}-horizon`, HORIZONS, form.horizon ?? "7", (days) => {
    form.horizon = days;
    look();
  });
  let asked = null;
  const look = async () => {
    asked?.abort();
    const own = (asked = new AbortController());
    found.replaceChildren(el("p", { class: "cp-note" }, "Looking at the past four weeks …"));
    try {
      const answer = await ask("proposals", { leaf: form.get(path), path: inner, goal: goal.value, horizonDays: Number(horizon.value) }, own.signal);
      found.replaceChildren(...drawn(answer, (value) => form.set([...path, ...inner], value, { focus: path })));
    } catch (error) {
      if (error.name !== "AbortError") found.replaceChildren(el("p", { class: "ce-error" }, error.message));
    }
  };
  goal.addEventListener("change", look);
  const made = el("div", { class: "ce-proposals", id: `${id}-panel`, role: "region", "aria-label": "Proposed numbers" },
    el("div", { class: "ce-row" },
      el("label", { class: "ce-inline" }, "It should lead to ", goal),
      el("label", { class: "ce-inline" }, "within ", horizon)),
    found);
  look();
  return made;
}

function drawn(answer, take) {
  const rows = [[answer.now, "now"], ...answer.proposed.map((one) => [one, null])];
  const table = el("table", { class: "ce-thresholds" },
    el("thead", {}, el("tr", {}, ["Number", "People who meet it", "A day", "False triggers", ""].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map(([one, now]) => el("tr", {},
      el("th", { scope: "row" }, one.text, now ? el("span", { class: "cp-note" }, " as it is") : ""),
      el("td", { "data-label": "People who meet it" }, one.share),
      el("td", { "data-label": "A day" }, one.aDay),
      el("td", { "data-label": "False triggers" }, one.false),
      el("td", {}, now ? "" : button("Take", () => take(one.value), { class: "ce-button ce-small", "aria-label": `Take ${one.text}` }))))));
  const said = answer.said.map((text) => el("p", { class: "cp-note" }, text));
  if (!answer.proposed.length) said.unshift(el("p", { class: "cp-note" }, "Too few people have any of it to propose a number."));
  return [answer.bins.length ? chart(answer) : "", table, ...said];
}

// How many people come to how much, and where the number stands now.
function chart({ bins, now }) {
  const most = Math.max(1, ...bins.map(({ people }) => people ?? 0));
  const width = WIDTH / bins.length;
  const step = bins.length > 1 ? bins[1].low - bins[0].low : 1;
  const at = Math.max(0, Math.min(WIDTH, ((now.number - bins[0].low) / step) * width));
  const bars = bins.map(({ people, label }, i) => {
    const height = people === null ? 6 : (people / most) * (HEIGHT - 8);
    return svg("rect", { x: i * width + 2, y: HEIGHT - height, width: width - 4, height, class: people === null ? "ct-few" : "ct-bar" },
      svg("title", {}, `about ${label}: ${people === null ? "fewer than 10 people" : `${people} people`}`));
  });
  const names = [0, Math.floor(bins.length / 2), bins.length - 1].filter((i, n, all) => all.indexOf(i) === n)
    .map((i) => svg("text", { x: i * width + 2, y: HEIGHT + 19, class: "ct-text" }, `${bins[i].label}${i === bins.length - 1 ? " or more" : ""}`.trim()));
  const fullest = bins.reduce((best, one) => ((one.people ?? 0) > (best.people ?? 0) ? one : best), bins[0]);
  return svg("svg", { viewBox: `0 0 ${WIDTH + 60} ${HEIGHT + 26}`, class: "ce-chart", role: "img", "aria-label": `How many people come to how much: most come to about ${fullest.label}. The number now is ${now.text}.` },
    bars, svg("line", { x1: at, x2: at, y1: 0, y2: HEIGHT, class: "ct-now" }), names);
}

// Beside a text: values of the visitor to put in, each with its fallback, and how the text comes out.

import { el } from "../conditions/elements.js";

let groups = null; // of the site, asked for once
let count = 0;

const token = () => document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";

async function asked(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

export function values(input, place) {
  if (input.dataset.hasValues || !place.values) return;
  input.dataset.hasValues = "yes";
  const id = `sample-${(count += 1)}`;
  const sample = el("div", { class: "value-sample", id, "aria-live": "polite" });
  let caret = null; // where somebody has been in the text; nowhere yet: at its end
  for (const type of ["keyup", "click", "blur"]) input.addEventListener(type, () => (caret = [input.selectionStart, input.selectionEnd]));
  const open = el("button", { type: "button", class: "value-open" }, "Insert a value");
  open.addEventListener("click", () => pick(place, (path, fallback) => {
    const [start, end] = caret ?? [input.value.length, input.value.length];
    input.setRangeText(markup(path, fallback), start, end, "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
    caret = [input.selectionStart, input.selectionEnd];
  }));
  boxed(input).append(el("div", { class: "value-tools" }, open, sample));
  watch(input, input.dataset.values, sample, place);
}

// A box around an input, so that what belongs to it stands below it.
export function boxed(input) {
  const box = el("div", { class: "value-box" });
  input.replaceWith(box);
  box.append(input);
  return box;
}

export function markup(path, fallback) {
  return fallback ? `{{ ${path} | default: "${fallback.replaceAll('"', "'")}" }}` : `{{ ${path} }}`;
}

// Says below a text how it comes out, whenever it rests for a moment.
export function watch(input, kind, sample, place) {
  let timer = 0;
  let last = "";
  const tell = async () => {
    const text = input.value;
    const worth = kind !== "text" ? text.trim() !== "" : /\{[{%]/.test(text);
    if (!worth) {
      sample.replaceChildren();
      last = "";
      return;
    }
    if (text === last) return;
    last = text;
    let answer;
    try {
      const response = await fetch(place.sample, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
        body: JSON.stringify({ site: place.site, kind, text }),
      });
      answer = await response.json();
      if (!response.ok) throw new Error(answer.message);
    } catch (error) {
      sample.replaceChildren(el("p", { class: "quiet" }, error instanceof TypeError ? "The server did not answer: no sample." : error.message));
      last = "";
      return;
    }
    if (text === input.value) draw(sample, answer, kind);
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(tell, 500);
  });
  input.addEventListener("focus", tell, { once: true });
}

function draw(sample, answer, kind) {
  if (answer.problem) {
    sample.replaceChildren(el("p", { class: "value-problem" }, answer.line ? `Line ${answer.line}: ` : "", answer.problem));
    return;
  }
  const shown = (text) => (answer.isHtml ? tame(text) : el("span", {}, text || "nothing"));
  const parts = [el("div", {}, el("span", { class: "value-label" }, "For example: "), shown(answer.text))];
  if (answer.nobody !== answer.text) parts.push(el("div", {}, el("span", { class: "value-label" }, "When nothing is known: "), shown(answer.nobody)));
  if (answer.removed.length) parts.push(el("p", { class: "value-problem" }, `Visitors will not get ${answer.removed.join(", ")}.`));
  sample.replaceChildren(...parts);
}

// HTML that the server has cleaned, without what reaches out of this page: links, pictures, names.
function tame(html) {
  const read = new DOMParser().parseFromString(html, "text/html");
  for (const one of read.body.querySelectorAll("*")) {
    if (one.tagName === "IMG") {
      one.replaceWith(el("span", { class: "value-picture" }, `[picture${one.alt ? `: ${one.alt}` : ""}]`));
      continue;
    }
    for (const attribute of [...one.attributes]) one.removeAttribute(attribute.name);
  }
  return el("div", { class: "value-html" }, ...[...read.body.childNodes].map((node) => document.importNode(node, true)));
}

// A window with everything that a text can show. `chosen` gets (path, fallback).
export async function pick(place, chosen) {
  const window_ = el("dialog", { class: "picker", "aria-labelledby": "picker-title" });
  const search = el("input", { type: "search", id: "picker-search", placeholder: "Search: name, city, score …", autocomplete: "off" });
  const fallback = el("input", { type: "text", id: "picker-fallback", placeholder: "there", maxlength: "200" });
  const list = el("div", { class: "picker-list" }, el("p", { class: "quiet" }, "Looking what your visitors have …"));
  const ends = el("button", { type: "button", class: "button quiet-button", on: { click: () => window_.close() } }, "Cancel");
  window_.append(
    el("div", { class: "picker-head" }, el("h2", { id: "picker-title" }, "Insert a value"), ends),
    el("label", { for: "picker-search" }, "Find"),
    search,
    el("label", { for: "picker-fallback" }, "Say this where it is not known"),
    fallback,
    list,
  );
  document.body.append(window_);
  window_.addEventListener("close", () => window_.remove());
  window_.showModal();
  search.focus();
  try {
    groups ??= (await asked(`${place.values}?${new URLSearchParams({ site: place.site })}`)).groups;
  } catch (error) {
    list.replaceChildren(el("p", { class: "value-problem" }, error instanceof TypeError ? "The server did not answer. Close this and try again." : error.message));
    return;
  }
  const fill = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (one) => words.every((word) => `${one.path} ${one.note}`.toLowerCase().includes(word));
    const parts = groups
      .map((group) => [group.name, group.values.filter(fits).slice(0, 40)])
      .filter(([, found]) => found.length)
      .map(([name, found]) =>
        el("section", {}, el("h3", {}, name), el("ul", {}, found.map((one) =>
          el("li", {}, el("button", {
            type: "button",
            on: {
              click: () => {
                window_.close();
                chosen(one.path, one.asks ? fallback.value.trim() : "");
              },
            },
          }, el("code", {}, one.path), el("span", { class: "quiet" }, one.note), el("span", { class: "picker-sample" }, one.sample)))))));
    list.replaceChildren(...(parts.length ? parts : [el("p", { class: "quiet" }, groups.length ? "Nothing fits." : "Nothing is known of visitors yet. Send events with the tracker first.")]));
  };
  search.addEventListener("input", fill);
  fill();
}

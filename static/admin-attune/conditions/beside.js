// <condition-panel>: what the condition says, whom it reaches, what is wrong. Asks the server a
// moment after each change, and drops a question that has been superseded.

import { button, el } from "./elements.js";

const PAUSE_MS = 400;

export class ConditionPanel extends HTMLElement {
  // `question()` gives the body to send; `answered(answer)` is told what came back.
  connect({ url, token, question, answered, goTo, nameOf, whyUrl }) {
    Object.assign(this, { url, token, question, answered, goTo, nameOf });
    this.words = el("p", { class: "cp-words", "aria-live": "polite" });
    this.list = el("ul", { class: "cp-problems" });
    this.numbers = el("div", { class: "cp-numbers", "aria-live": "polite" });
    this.hints = el("ul", { class: "cp-hints" });
    this.samples = el("div", { class: "cp-samples" });
    this.append(el("h2", {}, "In plain words"), this.words, this.list, this.numbers, this.hints, this.samples);
    if (whyUrl) this.append(el("p", {}, el("a", { href: whyUrl }, "Is one person in it, and why?")));
    this.classList.add("condition-panel");
    this.ask(0);
  }

  ask(pause = PAUSE_MS) {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.send(), pause);
  }

  async send() {
    const asked = new AbortController();
    this.asked = asked;
    const body = this.question();
    if (!body) return this.say("Choose the site first.");
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.token },
        body: JSON.stringify(body),
        signal: asked.signal,
      });
      const answer = await response.json();
      if (asked === this.asked) this.show(response.ok ? answer : { words: "", parts: {}, problems: answer.path ? [[answer.path, answer.problem]] : [], note: answer.message, hints: [] });
    } catch (error) {
      if (error.name !== "AbortError") this.say("The server does not answer. What you write is kept here.");
    }
  }

  say(text) {
    this.removeAttribute("aria-busy");
    this.words.textContent = text;
    for (const part of [this.list, this.numbers, this.hints, this.samples]) part.replaceChildren();
  }

  sentence(words) {
    return words ? `${words[0].toUpperCase()}${words.slice(1)}.` : "";
  }

  counted({ counted }) {
    return counted ? numbers(counted) : [];
  }

  show(answer) {
    this.removeAttribute("aria-busy");
    this.answered(answer);
    this.words.textContent = this.sentence(answer.words);
    this.list.replaceChildren(...answer.problems.map(([path, problem]) =>
      el("li", {}, button([this.nameOf(path), problem].filter(Boolean).join(": "), () => this.goTo(path), { class: "cp-problem", title: path }))));
    this.hints.replaceChildren(...answer.hints.map((hint) => 
      el("li", { class: `is-${hint.level}` }, hint.path ? button([this.nameOf(hint.path), hint.text].filter(Boolean).join(": "), () => this.goTo(hint.path), { class: "cp-hint" }) : hint.text)));
    const { counted } = answer;
    this.numbers.replaceChildren(...this.counted(answer), ...(answer.note ? [el("p", { class: "cp-note" }, answer.note)] : []));
    const samples = counted?.samples ?? [];
    this.samples.replaceChildren(...(samples.length ? [el("h3", {}, "Some of them, and why"), ...samples.map(sample)] : []));
  }
}

function numbers(counted) {
  if (counted.dependsOnRequest) return [el("p", { class: "cp-note" }, "Answered while a page is asked for: nobody can be counted before.")];
  const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
  return [
    el("dl", { class: "cp-counts" }, row(counted.entered ? "Members" : "People", counted.reach), ...(counted.entered ? [...row("Would come in", counted.entered), ...row("Would go out", counted.left)] : [])),
    counted.isExact ? "" : el("p", { class: "cp-note" }, "An estimate: how members come and go holds some back, or some could not be counted."),
  ];
}

function sample(one) {
  return el("details", {}, el("summary", {}, el("code", {}, one.id)), el("ul", { class: "trace" }, line(one.trace)));
}

function line(trace) {
  const verdict = trace.verdict === true ? "yes" : trace.verdict === false ? "no" : "unknown";
  const made = el("li", { class: `is-${verdict}` }, el("span", { class: "verdict" }, verdict), el("span", {}, trace.text));
  if (trace.parts) made.append(el("ul", {}, trace.parts.map(line)));
  else if ("found" in trace) made.lastChild.append(el("span", { class: "quiet" }, ` (found: ${shown(trace.found, trace.unit)})`));
  return made;
}

function shown(value, unit) {
  if (value === null) return "nothing";
  if (unit === "ms" && typeof value === "number") return `${Math.round(value / 100) / 10} s`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

customElements.define("condition-panel", ConditionPanel);

// The preview desk: shows the settings that matter, offers names while one types, makes chips of
// segments, fits the screens. Without this file everything is shown at once, names are typed whole
// and screens scroll.

import { chips } from "../block/chips.js";
import { el } from "../conditions/elements.js";

const WAIT_MS = 200;

class PreviewDesk extends HTMLElement {
  connectedCallback() {
    this.classList.add("has-script");
    for (const select of this.querySelectorAll("[data-who]")) this.follow(select, "for");
    for (const select of this.querySelectorAll("[data-by]")) this.follow(select, "forBy");
    for (const input of this.querySelectorAll("[data-options]")) this.offer(input);
    for (const input of this.querySelectorAll("input[data-choose]")) chips(input);
    this.fit();
    const page = this.querySelector("#page");
    if (page) page.addEventListener("change", () => page.form.requestSubmit());
  }

  /** Of what belongs to one answer of a choice only the chosen one's is shown. */
  follow(select, name) {
    const picture = select.closest(".picture");
    const attribute = name === "for" ? "data-for" : "data-for-by";
    const show = () => {
      for (const part of picture.querySelectorAll(`[${attribute}]`)) {
        part.classList.toggle("is-away", part.getAttribute(attribute) !== select.value);
      }
    };
    select.addEventListener("change", show);
    show();
  }

  /** Names that hold what was typed behind the last comma. */
  offer(input) {
    const list = el("datalist", { id: `${input.id}-options` });
    input.after(list);
    input.setAttribute("list", list.id);
    let timer = null;
    let asked = null;
    const ask = async () => {
      const before = input.value.slice(0, input.value.lastIndexOf(",") + 1);
      const typed = input.value.slice(before.length).trim();
      if (typed === asked) return;
      asked = typed;
      const query = new URLSearchParams({ kind: input.dataset.options, q: typed });
      try {
        const answer = await fetch(`${this.dataset.options}?${query}`, { redirect: "error" });
        if (!answer.ok) return;
        const { found } = await answer.json();
        const start = before ? `${before} ` : "";
        list.replaceChildren(...found.map(([key, name]) => el("option", { value: start + key }, name)));
      } catch {
        // Logged out or away: what was typed stays, and Show says what is wrong.
      }
    };
    input.addEventListener("focus", ask);
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    });
  }

  /** A screen wider than its place is drawn smaller, as from further away. */
  fit() {
    const watch = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const frame = target.firstElementChild;
        const scale = Math.min(1, target.clientWidth / frame.offsetWidth);
        frame.style.transform = scale < 1 ? `scale(${scale})` : "";
        frame.style.height = `${Math.round(target.clientHeight / scale)}px`;
      }
    });
    for (const screen of this.querySelectorAll(".screen")) watch.observe(screen);
  }
}

customElements.define("desk-preview", PreviewDesk);

// Keeps what is typed into a form: on the server every few seconds, in this browser while the
// server is away. A save first makes sure of that, so that nothing is lost on its way.

import { Door } from "./parts/asking.js";
import { copies, copy, typed, uncopy } from "./parts/typed.js";

const LOOK_MS = 3000; // components change hidden fields without telling anybody
const PAUSE_MS = 1200; // after the last key
const SEEN_MS = 20000;

const bar = document.getElementById("keeper");
const form = bar?.closest("form");

class Keeper {
  constructor() {
    const { kind, ref, user, keep, seen, login, history } = bar.dataset;
    Object.assign(this, { kind, ref, user, login, history });
    this.door = new Door(keep, form);
    this.seen = new Door(seen, form);
    this.base = form.elements["_base"];
    const field = form.elements["_tab"];
    field.value ||= crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    this.tab = field.value;
    for (const other of document.querySelectorAll(".keeper-offer input[name=_tab]")) {
      other.value = this.tab;
    }
    this.kept = this.now();
    this.isTouched = false; // components put their fields in order when they start
    this.goesOut = false;
    this.timer = 0;
    this.asking = null;
    this.others = "";
    this.saved = 0;
  }

  now() {
    return JSON.stringify(typed(form));
  }

  /** What is typed and not kept yet, as text; null when there is nothing. */
  get unkept() {
    const text = this.now();
    if (!this.isTouched) this.kept = text;
    return text === this.kept ? null : text;
  }

  start() {
    for (const name of ["focusin", "keydown", "pointerdown", "paste", "drop"]) {
      form.addEventListener(name, () => (this.isTouched ||= this.unkept === null), { capture: true });
    }
    const soon = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keep(), PAUSE_MS);
    };
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    form.addEventListener("submit", (event) => this.submit(event));
    setInterval(() => this.keep(), LOOK_MS);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.keep();
      else this.look();
    });
    window.addEventListener("online", () => this.keep());
    window.addEventListener("pagehide", () => {
      if (!this.goesOut && this.unkept !== null) this.copy(); // sent when the form is next opened
    });
    this.sendCopies();
    if (this.ref !== "new") {
      this.look();
      setInterval(() => this.look(), SEEN_MS);
    }
  }

  /** Sends what is typed, if it is new. One call at a time. */
  async keep() {
    const text = this.unkept;
    if (text === null || this.asking || this.goesOut) return;
    this.asking = this.send(text);
    try {
      const told = await this.asking;
      const at = new Date(told.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      this.say("quiet", `Kept ${at}, not saved yet.`);
    } catch (error) {
      this.trouble(error, this.copy());
    } finally {
      this.asking = null;
    }
  }

  async send(text) {
    const told = await this.door.send(this.body(JSON.parse(text)));
    this.kept = text;
    uncopy(this.key);
    return told;
  }

  body(pairs, tab = this.tab, base = this.base.value) {
    return { user: this.user, kind: this.kind, ref: this.ref, tab, base, form: pairs };
  }

  get key() {
    return `attune:typed:${this.user}:${this.kind}:${this.ref}:${this.tab}`;
  }

  copy() {
    return copy(this.user, this.kind, this.ref, this.tab, this.base.value, typed(form));
  }

  /** A save goes out only when the server answers and knows who asks: else the form stays. */
  async submit(event) {
    if (this.goesOut || event.defaultPrevented) return;
    event.preventDefault();
    const button = event.submitter;
    clearTimeout(this.timer);
    this.isTouched = true;
    await this.asking?.catch(() => {});
    try {
      const told = await this.door.renew();
      if (String(told.user) !== this.user) {
        throw Object.assign(new Error(`You are logged in as ${told.name} now.`), { code: "other_user" });
      }
      try {
        await this.send(this.now());
      } catch (error) {
        // What cannot be kept unsaved may still be saved: the server says what is wrong with it.
        if (error.code === "away" || error.code === "unauthorized") throw error;
      }
    } catch (error) {
      this.trouble(error, this.copy());
      return;
    }
    this.goesOut = true;
    // What is pressed twice is saved once; a page that comes back from the history can save again.
    setTimeout(() => (this.goesOut = false), 5000);
    form.requestSubmit(button?.form === form ? button : undefined);
  }

  trouble(error, isCopied = true) {
    const where = isCopied ? "What you typed is kept in this browser." : "Do not close this page.";
    if (error.code === "unauthorized") {
      this.say("bad", `You have been logged out. ${where} `, {
        text: "Log in in a new tab", href: this.login, after: ", then save here again.",
      });
    } else if (error.code === "other_user") {
      this.say("bad", `${error.message} ${where} Log in as yourself in another tab, then save here again.`);
    } else if (error.code === "away") {
      this.say("bad", `The server cannot be reached. ${where} It is sent as soon as the connection is back.`);
    } else {
      this.say("bad", error.message);
    }
  }

  /** What this browser kept while the server was away goes to the server, and is offered. */
  async sendCopies() {
    for (const one of copies(this.user, this.kind, this.ref)) {
      if (one.tab === this.tab) continue;
      try {
        const told = await this.door.send(this.body(one.form, one.tab, one.base));
        uncopy(one.key);
        this.offer(told.id, one.at);
      } catch {
        return; // it stays here until the server answers
      }
    }
  }

  offer(id, at) {
    const offers = document.getElementById("keeper-offers");
    if (!offers || offers.querySelector(`button[value="${CSS.escape(id)}"]`)) return;
    const section = element("section", { className: "keeper-offer" });
    section.setAttribute("aria-label", "Unsaved changes");
    const when = new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    section.append(element("p", { textContent: `This browser kept unsaved changes from ${when}.` }));
    const own = element("form", { method: "post" });
    own.append(
      element("input", { type: "hidden", name: "csrfmiddlewaretoken", value: this.door.field.value }),
      element("input", { type: "hidden", name: "_tab", value: this.tab }),
      element("button", { name: "_unsaved", value: id, className: "button", textContent: "Take them back" }),
      element("button", { name: "_throw_away", value: id, className: "button quiet-button", textContent: "Throw them away" }),
    );
    section.append(own);
    offers.append(section);
  }

  /** Who else has this open, and who has saved it since. */
  async look() {
    if (document.hidden || this.ref === "new") return;
    try {
      const told = await this.seen.send({ kind: this.kind, ref: this.ref, base: this.base.value });
      const others = told.others.join(", ");
      const saved = told.saved?.number ?? 0;
      if (saved && saved !== this.saved) {
        this.saved = saved;
        const who = told.saved.by === "You" ? "You have saved this in another tab" : `${told.saved.by} has saved this`;
        this.say("warn", `${who} ${told.saved.ago}. Go on: both changes are compared when you save. `, {
          text: "See what changed", href: this.history, after: "",
        });
      } else if (!saved && others !== this.others) {
        this.others = others;
        if (others) this.say("info", `${others} ${told.others.length > 1 ? "have" : "has"} this open, too.`);
        else this.say("quiet", "");
      }
    } catch {
      // A notice less; saving says what is wrong.
    }
  }

  say(level, text, link) {
    const said = bar.querySelector(".keeper-said");
    bar.className = `keeper is-${level}`;
    bar.hidden = !text;
    said.replaceChildren(text);
    if (link?.href) {
      const leads = element("a", { href: link.href, textContent: link.text, target: "_blank", rel: "noopener" });
      said.append(leads, link.after);
    }
  }
}

function element(name, given) {
  return Object.assign(document.createElement(name), given);
}

if (form) new Keeper().start();

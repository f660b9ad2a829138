// What the server says of a condition, put where it belongs: words below each leaf, problems at the
// field that they are about.

export class ConditionMarks extends HTMLElement {
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

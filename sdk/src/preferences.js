/** The settings inside the banner: one box for each purpose, none ticked that nobody has agreed to. */

/** @returns {Element} an element with properties and children; `text` is always text, never markup */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/**
 * @param {object} notice the answer of GET /v1/notice
 * @param {Object<string, boolean>} chosen what holds now, {} for nothing
 * @param {boolean} isSignalled the browser opts out of advertising and sale
 * @param {(purposes: Object<string, boolean>) => void} save called with what is ticked, on "Save"
 * @returns {HTMLFormElement}
 */
export function createSettings(notice, chosen, isSignalled, save) {
  const { words } = notice;
  const rows = notice.purposes.map(({ key, name, text, sends }) => {
    const box = make("input", { type: "checkbox", id: key, name: key, checked: sends.every((one) => chosen[one]) });
    const about = make("p", { id: `${key}-about`, textContent: text });
    box.setAttribute("aria-describedby", about.id);
    if (isSignalled && sends.includes("advertising")) about.append(` ${words.signalBeside}`);
    return make("div", { className: "purpose" }, box, make("label", { htmlFor: key, textContent: name }), about);
  });
  const form = make(
    "form",
    {},
    make("p", { className: "fixed", textContent: words.necessary }),
    ...rows,
    make("button", { type: "submit", className: "quiet", textContent: words.save }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const ticked = notice.purposes.filter(({ key }) => form.elements[key].checked);
    save(Object.fromEntries(ticked.flatMap(({ sends }) => sends.map((one) => [one, true]))));
  });
  return form;
}

// Small makers of elements. No markup is ever made from a text: what people typed stays text.

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [type, heard] of Object.entries(value)) made.addEventListener(type, heard);
    } else if (name === "value") {
      made.value = value;
    } else {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export function button(text, heard, attributes = {}) {
  return el("button", { type: "button", class: "ce-button", ...attributes, on: { click: heard } }, text);
}

// `options` are [value, label], or {label, options} for a headed part. A value that is not among
// them is offered too: nothing that was written is lost by looking at it.
export function select(id, options, value, heard, attributes = {}) {
  const flat = options.flatMap((one) => (Array.isArray(one) ? [one] : one.options));
  const odd = value !== undefined && value !== null && !flat.some(([key]) => key === value);
  const made = el("select", { id, ...attributes, on: { change: () => heard(made.value) } });
  if (odd) made.append(el("option", { value }, value === "" ? "choose …" : String(value)));
  for (const one of options) {
    if (Array.isArray(one)) made.append(el("option", { value: one[0] }, one[1] || one[0]));
    else made.append(el("optgroup", { label: one.label }, one.options.map(([key, label]) => el("option", { value: key }, label))));
  }
  made.value = value ?? "";
  return made;
}

export function input(id, value, heard, attributes = {}) {
  const made = el("input", {
    id,
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    ...attributes,
    value: value ?? "",
    on: { input: () => heard(made.value) },
  });
  return made;
}

// Drawings.
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

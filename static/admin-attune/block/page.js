// Puts the components on an editor's form. Without them the plain inputs are the form.

import { chips } from "./chips.js";
import { fieldList } from "./fields.js";
import { pictures } from "./pictures.js";
import { variants } from "./variants.js";
import { values } from "./values.js";

// Everything inside an element; what a cloned form brings is dressed by the same words.
export function dress(root, place) {
  for (const input of root.querySelectorAll("input[data-choose]")) chips(input);
  for (const box of root.querySelectorAll("[data-parts=image]")) pictures(box, place);
  for (const input of root.querySelectorAll("textarea[data-values], input[data-values]")) values(input, place);
  const rich = root.querySelectorAll("textarea[data-rich]");
  if (rich.length) {
    import("./rich.js").then(({ richText }) => {
      for (const text of rich) richText(text, place);
    });
  }
}

for (const lines of document.querySelectorAll("textarea[data-field-list]")) fieldList(lines);
const section = document.querySelector("[data-variants]");
if (section) variants(section, (root) => dress(root, section.dataset));
dress(document, section?.dataset ?? {});

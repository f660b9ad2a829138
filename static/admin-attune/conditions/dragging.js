// Cards moved by hand: by mouse, pen or finger. What is let go is put back, and the state is
// changed as the arrow keys change it; drawing does the rest.

import "../../vendor/sortablejs-1.15.7/Sortable.min.js";
import { placed } from "./tree.js";

const { Sortable } = globalThis;

// Make the lists of cards below `form` take each other's cards; those of the drawing before are let
// go, or they would be looked through for ever.
export function draggable(form) {
  for (const old of form.sortables ?? []) old.destroy();
  form.sortables = [...form.querySelectorAll(".ce-children[data-list]")].map((list) => sortable(form, list));
}

function sortable(form, list) {
  return new Sortable(list, {
    group: form.name,
    draggable: ">.ce-card",
    handle: ".ce-grip",
    forceFallback: true,
    fallbackTolerance: 3,
    animation: 120,
    delay: 120,
    delayOnTouchOnly: true,
    emptyInsertThreshold: 12,
    swapThreshold: 0.65, // cards in cards: their edges belong to the group around them
    ghostClass: "is-dragged",
    fallbackClass: "is-in-hand",
    onStart: () => form.classList.add("is-dragging"),
    onEnd: (event) => dropped(form, event),
  });
}

function dropped(form, { item, from, to, oldDraggableIndex: before, newDraggableIndex: after }) {
  form.classList.remove("is-dragging");
  const path = form.pathOf(item.dataset.path);
  if (from === to && before === after) return;
  const list = form.pathOf(to.dataset.path);
  // The drawing is made anew from the state; until then nothing stands where it does not belong.
  const cards = [...from.children].filter((one) => one.matches(".ce-card") && one !== item);
  from.insertBefore(item, cards[before] ?? from.lastElementChild);
  form.isPressed = false;
  // Not before the library has ended its own work: drawing lets go of what it holds.
  setTimeout(() => form.went(placed(form.history.root, path, list, after), "-card"));
}

// Rules in their order: dragged, moved by keys, saved together. Without it the buttons move one at a time.

const list = document.querySelector(".rule-list");
const form = document.getElementById("rules-order");
const said = form?.querySelector("[data-said]");
const bar = form?.querySelector(".rule-save");
const field = form?.elements.namedItem("order");
const saved = field?.value.split(",") ?? [];

const rows = () => [...list.children];
const order = () => rows().map((row) => row.dataset.key);

function changed(row) {
  const now = order();
  field.value = now.join(",");
  bar.hidden = now.join() === saved.join();
  rows().forEach((one, place) => {
    one.querySelector("button[name=up]").disabled = place === 0;
    one.querySelector("button[name=down]").disabled = place === now.length - 1;
  });
  if (row) said.textContent = `${row.dataset.name} is number ${rows().indexOf(row) + 1} of ${now.length}. Not saved yet.`;
}

function move(row, step) {
  const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (step < 0) other.before(row);
  else other.after(row);
  changed(row);
}

function start() {
  for (const row of rows()) {
    row.querySelector(".grip").hidden = false;
    for (const [name, step] of [["up", -1], ["down", 1]]) {
      const button = row.querySelector(`button[name=${name}]`);
      button.addEventListener("click", (event) => {
        event.preventDefault();
        move(row, step);
        // A button at the end is disabled: the focus goes to its neighbour.
        (button.disabled ? row.querySelector(`button[name=${step < 0 ? "down" : "up"}]`) : button).focus();
      });
    }
    row.addEventListener("keydown", (event) => {
      if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      const focused = document.activeElement;
      move(row, event.key === "ArrowUp" ? -1 : 1);
      focused.focus();
    });
  }
  bar.querySelector("[data-back]").addEventListener("click", () => {
    const byKey = new Map(rows().map((row) => [row.dataset.key, row]));
    list.append(...saved.map((key) => byKey.get(key)));
    changed();
    said.textContent = "The saved order again.";
  });
  addEventListener("beforeunload", (event) => {
    if (!bar.hidden && !form.dataset.leaving) event.preventDefault();
  });
  form.addEventListener("submit", () => (form.dataset.leaving = "1"));
  if (window.Sortable) {
    new window.Sortable(list, {
      handle: ".grip",
      animation: 120,
      forceFallback: true,
      fallbackTolerance: 3,
      chosenClass: "is-dragged",
      onEnd: ({ item }) => changed(item),
    });
  }
}

// How many people each rule means now, one after the other: counting takes a moment.
async function count() {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
  for (const row of rows()) {
    const place = row.querySelector("[data-count]");
    const before = place.textContent;
    const response = await fetch(list.dataset.people, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      body: JSON.stringify({ site: list.dataset.site, rule: row.dataset.rule }),
    }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    const words = answer?.people ?? answer?.message;
    if (words) place.textContent = `${before} · ${words}`;
  }
}

if (list && form) {
  if (bar) start();
  count();
}

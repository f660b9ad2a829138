// Fetches parts of a page that take longer than the page itself; those that go by the ticks of a
// form again when these change. Without it a link or a button leads there.

const WAIT_MS = 500;

for (const part of document.querySelectorAll("[data-load]")) {
  const form = part.dataset.of ? document.getElementById(part.dataset.of) : null;
  const inside = part.querySelector(".inside");
  const words = part.querySelector(".counting");
  const door = inside.firstElementChild;
  let asked = null;
  let timer = null;

  const count = async () => {
    asked?.abort();
    const mine = (asked = new AbortController());
    words.textContent = "Counting everybody…";
    part.setAttribute("aria-busy", "true");
    door.hidden = true;
    try {
      inside.replaceChildren(...(await answered(part.dataset.load, form, mine.signal)));
      words.textContent = "";
    } catch (error) {
      if (error.name === "AbortError") return; // a later question is on its way
      words.textContent = "It could not be counted just now.";
      inside.replaceChildren(door);
      door.hidden = false;
    }
    if (mine === asked) part.removeAttribute("aria-busy");
  };
  form?.addEventListener("change", (event) => {
    if (event.target.type !== "checkbox") return;
    clearTimeout(timer);
    timer = setTimeout(count, WAIT_MS);
  });
  count();
}

async function answered(address, form, signal) {
  const asking = { headers: { Accept: "text/html" }, signal };
  if (form) Object.assign(asking, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const answer = await fetch(address, asking);
  if (!answer.ok || answer.redirected) throw new Error("not answered");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.body.childNodes;
}

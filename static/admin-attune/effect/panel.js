// Fetches parts of a page that take longer than the page itself. Without it their link leads there.

for (const part of document.querySelectorAll("[data-load]")) {
  const inside = part.querySelector(".inside");
  const link = inside.querySelector("a");
  const words = document.createElement("p");
  words.className = "quiet";
  words.textContent = "Counting everybody…";
  inside.prepend(words);
  link.hidden = true;
  load(part.dataset.load, inside).catch(() => {
    words.textContent = "It could not be counted just now.";
    link.hidden = false;
  });
}

async function load(address, inside) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error("not answered");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  inside.replaceChildren(...page.body.childNodes);
}

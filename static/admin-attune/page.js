// Small comforts of every page. Each works without this file, only less conveniently.

// A choice that needs no button is submitted as soon as it is made.
for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
  form.classList.add("has-script");
  form.addEventListener("change", () => form.requestSubmit());
}

// A secret that is shown once is copied with one click.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C"; // a browser may refuse; the text is selected
    }
  });
}

// The menu of a narrow page closes with Escape.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#menu") location.hash = "content-start";
});

// Of the filters above a list one is open at a time, and a click elsewhere closes it.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.filter[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

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

// Django's widgets leave two things unsaid: which half of a moment a box holds, and that an icon
// with words is a picture.
for (const row of document.querySelectorAll(".form-row:has(.datetime input)")) {
  const name = row.querySelector("label, legend")?.textContent.replace(/:\s*$/, "").trim() ?? "";
  row.querySelectorAll(".datetime input").forEach((input, at) => {
    if (!input.labels?.length) input.setAttribute("aria-label", `${name}, ${at ? "time" : "date"}`);
  });
}
addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".help-tooltip[aria-label]")) {
    icon.setAttribute("role", "img");
  }
});

// What a form has left in this browser is for whoever typed it: it goes when they log out.
document.getElementById("logout-form")?.addEventListener("submit", () => {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith("attune:typed:")) localStorage.removeItem(key);
    }
  } catch {
    // A browser may refuse its storage: then nothing is in it.
  }
});

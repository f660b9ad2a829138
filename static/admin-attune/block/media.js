// The media library: files are sent one by one with their progress, and the focal point is clicked.

import { el } from "../conditions/elements.js";

for (const form of document.querySelectorAll("form[data-upload]")) upload(form);
for (const box of document.querySelectorAll("[data-focal]")) focal(box);

function upload(form) {
  const list = form.querySelector(".upload-list");
  const chosen = form.querySelector("input[type=file]");
  let sent = 0;
  const all = async (files) => {
    let isGood = true;
    for (const file of files) isGood = (await one(form, list, file)) && isGood;
    sent += files.length;
    // What was added shows on a page made anew; refusals stay to be read.
    if (sent && isGood) location.reload();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    all([...chosen.files]);
  });
  chosen.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("is-over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("is-over");
    all([...event.dataTransfer.files]);
  });
}

// Sends one file; true when it was taken.
function one(form, list, file) {
  const bar = el("progress", { max: "1", "aria-label": `Sending ${file.name}` });
  const line = el("li", {}, el("span", {}, file.name), bar);
  list.append(line);
  const body = new FormData(form);
  body.delete("files");
  body.append("files", file, file.name);
  const refuse = (words) => {
    line.replaceChildren(el("span", { class: "is-bad" }, words));
    return false;
  };
  return new Promise((done) => {
    const call = new XMLHttpRequest();
    call.open("POST", form.action);
    call.setRequestHeader("Accept", "application/json");
    call.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    call.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    call.addEventListener("error", () => done(refuse(`${file.name}: the connection was lost. Send it again.`)));
    call.addEventListener("load", () => {
      let answer;
      try {
        answer = JSON.parse(call.responseText);
      } catch {
        return done(refuse(`${file.name} was not taken. You may have been logged out: load the page again.`));
      }
      if (!answer.made?.length) return done(refuse(answer.refused?.[0] ?? answer.message ?? `${file.name} was refused.`));
      bar.value = 1;
      const made = answer.made[0];
      line.replaceChildren(el("span", {}, made.isNew ? `${made.name}: added` : `${made.name}: was here already`), el("a", { href: made.page }, "Open"));
      return done(true);
    });
    call.send(body);
  });
}

function focal(box) {
  const frame = box.querySelector(".focal-frame");
  const inputs = { x: document.getElementById("id_focal_x"), y: document.getElementById("id_focal_y") };
  if (!inputs.x || !inputs.y) return; // only to look at
  const point = el("button", { type: "button", class: "focal-point", "aria-label": "Focal point: move it with the arrow keys" });
  const said = el("p", { class: "quiet", role: "status" });
  frame.append(point);
  box.querySelector(".focal-side").prepend(said);
  const at = (name) => Math.min(100, Math.max(0, Math.round(Number(inputs[name].value) || 0)));
  const draw = () => {
    point.style.left = `${at("x")}%`;
    point.style.top = `${at("y")}%`;
    said.textContent = `Focal point: ${at("x")} % from the left, ${at("y")} % from the top`;
    for (const shape of box.querySelectorAll(".focal-shapes img")) shape.style.objectPosition = `${at("x")}% ${at("y")}%`;
  };
  const move = (x, y) => {
    inputs.x.value = Math.min(100, Math.max(0, Math.round(x)));
    inputs.y.value = Math.min(100, Math.max(0, Math.round(y)));
    inputs.x.dispatchEvent(new Event("input", { bubbles: true }));
    // The shapes are cut here from the whole picture until the new point is saved.
    for (const shape of box.querySelectorAll(".focal-shapes img")) shape.src = frame.querySelector("img").src;
    draw();
  };
  frame.addEventListener("click", (event) => {
    if (event.target === point) return;
    const area = frame.querySelector("img").getBoundingClientRect();
    move((100 * (event.clientX - area.left)) / area.width, (100 * (event.clientY - area.top)) / area.height);
    point.focus();
  });
  point.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!by) return;
    event.preventDefault();
    move(at("x") + by[0], at("y") + by[1]);
  });
  for (const input of Object.values(inputs)) input.addEventListener("input", draw);
  draw();
}

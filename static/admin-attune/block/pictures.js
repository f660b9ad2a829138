// A picture field: chosen from the library, with what it shows and its focal point.

import { el } from "../conditions/elements.js";

const OURS = /\/media\/[0-9a-f]{64}\/[0-9a-z-]+$/;

export function pictures(box, place) {
  if (box.dataset.hasPicture || !place.pictures) return;
  box.dataset.hasPicture = "yes";
  const part = (name) => box.querySelector(`[name$="_${name}"]`);
  const [url, alt, focal, asset] = ["url", "alt", "focal", "asset"].map(part);
  const thumb = el("img", { alt: "", class: "picture-thumb", hidden: true });
  const choose = el("button", { type: "button", class: "button quiet-button" }, "Choose a picture");
  const clear = el("button", { type: "button", class: "button quiet-button" }, "Take it away");
  const heard = (input) => input.dispatchEvent(new Event("input", { bubbles: true }));

  const draw = () => {
    // Only pictures of this server: the page asks nobody else.
    const path = url.value.match(OURS)?.[0];
    thumb.hidden = !path;
    if (path) thumb.src = path;
    clear.hidden = !url.value;
    box.classList.toggle("lacks-alt", Boolean(url.value) && !alt.value.trim());
  };
  const take = (picture) => {
    const was = alt.dataset.from;
    url.value = picture.address;
    if (!alt.value.trim() || alt.value === was) alt.value = picture.alt;
    alt.dataset.from = picture.alt;
    focal.value = picture.focal.join(",");
    asset.value = picture.key;
    for (const input of [url, alt, focal, asset]) heard(input);
    draw();
    choose.focus();
  };
  choose.addEventListener("click", () => pick(place, take));
  clear.addEventListener("click", () => {
    for (const input of [url, alt, focal, asset]) {
      input.value = "";
      heard(input);
    }
    draw();
    choose.focus();
  });
  url.addEventListener("change", () => {
    // Typed by hand it is another picture: the library knows nothing of it.
    focal.value = "";
    asset.value = "";
    draw();
  });
  alt.addEventListener("input", draw);
  box.prepend(el("div", { class: "picture-tools" }, thumb, choose, clear));
  box.append(el("p", { class: "alt-hint" }, "Say in a few words what the picture shows, or leave it empty if it only decorates."));
  draw();
}

export async function pick(place, taken) {
  const box = el("dialog", { class: "picker picker-wide", "aria-labelledby": "pictures-title" });
  const search = el("input", { type: "search", id: "pictures-search", autocomplete: "off" });
  const wall = el("ul", { class: "wall" });
  const status = el("p", { class: "quiet", role: "status" });
  box.append(
    el("div", { class: "picker-head" }, el("h2", { id: "pictures-title" }, "Choose a picture"), el("button", { type: "button", class: "button quiet-button", on: { click: () => box.close() } }, "Cancel")),
    el("label", { for: "pictures-search" }, "Find by name or by what it shows"),
    search,
    status,
    wall,
    el("p", { class: "quiet" }, "Not here? ", el("a", { href: place.pictures.replace(/search\/$/, ""), target: "_blank", rel: "noopener" }, "Add pictures to the library"), " (opens a tab), then search again."),
  );
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  box.showModal();
  search.focus();
  let last = 0;
  const look = async () => {
    const mine = (last += 1);
    let answer;
    try {
      const query = new URLSearchParams({ site: place.site, q: search.value.trim() });
      const response = await fetch(`${place.pictures}?${query}`, { headers: { Accept: "application/json" } });
      answer = await response.json();
      if (!response.ok) throw new Error(answer.message);
    } catch (error) {
      status.textContent = error instanceof TypeError ? "The server did not answer. Try again." : error.message;
      return;
    }
    if (mine !== last) return;
    status.textContent = answer.found.length ? (answer.more ? "The newest that fit; type to find others." : "") : search.value ? "No picture fits." : "The library is empty.";
    wall.replaceChildren(
      ...answer.found.map((picture) =>
        el("li", {}, el("button", { type: "button", class: "picture", on: { click: () => {
          box.close();
          taken(picture);
        } } }, el("img", { src: picture.thumb, alt: picture.alt, loading: "lazy", width: "320", height: "240" }), el("span", { class: "picture-name" }, picture.name))),
      ),
    );
  };
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 200);
  });
  look();
}

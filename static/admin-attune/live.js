// Keeps the home page current: reads it again every few seconds and swaps its moving part.

const part = document.getElementById("live");
const pauseMs = 1000 * Number(part?.dataset.refresh || 0);

async function refresh() {
  // Nobody looks, or somebody is in the middle of something.
  if (document.hidden || part.contains(document.activeElement)) return true;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return false; // logged out: the next click says so
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  // The whole page is another one now: it is opened as if by a click.
  if (!fresh?.dataset.refresh && part.dataset.then) location.assign(location.pathname + location.search);
  if (!fresh) return false;
  part.replaceChildren(...fresh.childNodes);
  if (!fresh.dataset.refresh) return false; // what was waited for is there
  return true;
}

async function again() {
  let goesOn = true;
  try {
    goesOn = await refresh();
  } catch {
    // The server is away for a moment; what is shown stays.
  }
  if (goesOn) setTimeout(again, pauseMs);
}

if (pauseMs) setTimeout(again, pauseMs);

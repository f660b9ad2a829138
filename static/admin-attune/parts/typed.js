// What is typed into a form, as the browser would send it, and its copy in this browser.

// Buttons, secrets and files are not kept; nor are the marks of the keeping itself.
const LEFT_OUT = new Set(["csrfmiddlewaretoken", "_tab", "_unsaved", "_throw_away"]);
export const PREFIX = "attune:typed:";

/** What a form holds now: [name, value] pairs in its order. */
export function typed(form) {
  const secrets = new Set([...form.querySelectorAll("input[type=password]")].map((one) => one.name));
  return [...new FormData(form).entries()].filter(
    ([name, value]) => typeof value === "string" && !LEFT_OUT.has(name) && !secrets.has(name),
  );
}

/** The copies that this person's forms of this object have left in this browser. */
export function copies(user, kind, ref) {
  const start = `${PREFIX}${user}:${kind}:${ref}:`;
  const found = [];
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(start)) found.push({ key, ...JSON.parse(localStorage.getItem(key)) });
    }
  } catch {
    // A browser may refuse its storage, or hold what is no copy of ours.
  }
  return found;
}

/** Puts what a form holds into this browser; false where there is no room for it. */
export function copy(user, kind, ref, tab, base, form) {
  try {
    const kept = JSON.stringify({ tab, base, form, at: new Date().toISOString() });
    localStorage.setItem(`${PREFIX}${user}:${kind}:${ref}:${tab}`, kept);
    return true;
  } catch {
    return false;
  }
}

/** Takes a copy out again: the server has it. */
export function uncopy(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // As above.
  }
}

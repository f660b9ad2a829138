// Calls to the studio's own doors: they answer in JSON, and a login that has run out is an answer.

/** A call that did not do what it was asked. `code` is the server's, or "away". */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The token of the form, and a fresh one once somebody has logged in again. */
export class Door {
  constructor(url, form) {
    this.url = url;
    this.field = form.querySelector("input[name=csrfmiddlewaretoken]");
  }

  /** Sends an object and returns the answer. Throws `Refused`. */
  async send(body, { keepalive = false } = {}) {
    let answer = await this.#post(body, keepalive);
    if (answer.status === 403 && !isJson(answer)) {
      await this.renew(); // logging in changes the token
      answer = await this.#post(body, keepalive);
    }
    return read(answer);
  }

  /** Asks for a token that fits the login of now, and puts it into the form. */
  async renew() {
    const told = await read(await call(this.url, { headers: { Accept: "application/json" } }));
    for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) {
      field.value = told.csrf;
    }
    return told;
  }

  #post(body, keepalive) {
    return call(this.url, {
      method: "POST",
      keepalive,
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.field.value },
      body: JSON.stringify(body),
    });
  }
}

async function call(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", redirect: "error", ...options });
  } catch {
    throw new Refused("away", "The server does not answer.");
  }
}

function isJson(answer) {
  return (answer.headers.get("Content-Type") || "").startsWith("application/json");
}

async function read(answer) {
  if (!isJson(answer)) throw new Refused("away", `The server answered ${answer.status}.`);
  const told = await answer.json();
  if (!answer.ok) throw new Refused(told.code, told.message);
  return told;
}

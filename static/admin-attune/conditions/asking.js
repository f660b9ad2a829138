// What the fields of a form ask the server for while somebody writes. Each page says where and how,
// once; a form that was told nothing offers nothing.

let post = null;

// `addresses` by name; `whose()` says which site, or whose form it is.
export function asksAt({ addresses, token, whose }) {
  post = async (name, body, signal) => {
    const response = await fetch(addresses[name], {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify({ ...whose(), ...body }),
      signal,
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message ?? "The server does not answer.");
    return answer;
  };
}

export const canAsk = () => post !== null;

export function ask(name, body, signal) {
  if (post === null) return Promise.reject(new Error("There is nobody to ask."));
  return post(name, body, signal);
}

/** Is it what the server signed? Detached JSON web signatures (RFC 7515, 7797) by Ed25519, with WebCrypto. */

/** Why something is not believed. */
export class NotVerified extends Error {
  /** @param {string} problem */
  constructor(problem) {
    super(problem);
    this.name = "NotVerified";
  }
}

/**
 * @param {Uint8Array} bytes the exact bytes that came, after any decompression.
 * @param {string} signature `header..signature`, both base64url.
 * @param {{keys: {kid: string, x: string, kty?: string, crv?: string}[]}} jwks
 * @returns {Promise<string>} the kid of the key that signed.
 * @throws {NotVerified} malformed, of another kind, of an unknown key, or not of these bytes.
 */
export async function verifiedBy(bytes, signature, jwks) {
  const [head, nothing, mac, ...more] = String(signature ?? "").split(".");
  if (!head || nothing !== "" || !mac || more.length) throw new NotVerified("not a detached signature");
  const header = headerOf(head);
  const isOurs = header.alg === "EdDSA" && header.b64 === false && String(header.crit) === "b64";
  if (!isOurs) throw new NotVerified("a signature of another kind");
  const jwk = jwks.keys.find(({ kid, kty, crv }) => kid === header.kid && kty === "OKP" && crv === "Ed25519");
  if (!jwk) throw new NotVerified("signed with a key that is not known");
  const key = await crypto.subtle.importKey("raw", bytesOf(jwk.x), { name: "Ed25519" }, false, ["verify"]);
  const signed = new Uint8Array(head.length + 1 + bytes.length);
  signed.set(new TextEncoder().encode(`${head}.`));
  signed.set(bytes, head.length + 1);
  if (!(await crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(mac), signed))) {
    throw new NotVerified("the signature is not of these bytes");
  }
  return header.kid;
}

function headerOf(text) {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytesOf(text))));
  } catch (problem) {
    if (problem instanceof SyntaxError) throw new NotVerified("the header is not JSON");
    throw problem;
  }
}

/** @param {string} text base64url, without padding. @returns {Uint8Array} */
function bytesOf(text) {
  // Else atob would take padding and spaces too, and the last letter could be another one.
  if (!/^[\w-]*$/.test(text)) throw new NotVerified("not base64url");
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const again = btoa(String.fromCharCode(...bytes));
    const same = again.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") === text;
    if (same) return bytes;
  } catch {
    // Below.
  }
  throw new NotVerified("not base64url");
}

/**
 * The patterns of conditions: a regular-expression subset that always matches in linear time.
 *
 * A pattern is read into a small tree, which matching.js runs. The subset, its limits and the words of its
 * refusals are those of engine/conditions/patterns.py.
 */

import { ANY, CLASSES, complement, union } from "./characters.js";

const MAX_PATTERN = 256; // characters
const MAX_STATES = 1000;
const MAX_REPEAT = 100;
const MAX_GROUPS = 20; // within each other

const PUNCTUATION = /^[!-/:-@[-`{-~]$/;
const COUNT = /^[0-9]{1,4}$/;

/** What is wrong with a pattern, in words; places count from 1. */
export class InvalidPattern extends Error {}

/**
 * @typedef {import("./characters.js").Ranges} Ranges
 * @typedef {{kind: "chars", ranges: Ranges} | {kind: "edge", isEnd: boolean} | {kind: "run" | "options",
 *   parts: Part[]} | {kind: "repeat", part: Part, least: number, most: number | null}} Part
 */

/**
 * @param {string} text
 * @returns {Part} the tree of a pattern.
 * @throws {InvalidPattern} a syntax error, something outside the subset, or a limit passed.
 */
export function parsePattern(text) {
  const pattern = Array.from(text); // By code point: a character beyond the basic plane is one.
  if (pattern.length > MAX_PATTERN) {
    throw new InvalidPattern(`expected a pattern of at most ${MAX_PATTERN} characters`);
  }
  const reader = createReader(pattern);
  const part = reader.options();
  if (!reader.isAtEnd()) throw reader.problem("this ) closes nothing (write \\) for the character)");
  return part;
}

/** One pass over a pattern. */
function createReader(pattern) {
  let at = 0;
  let depth = 0;

  const peek = () => pattern[at] ?? "";
  const take = () => pattern[at++] ?? "";
  const problem = (what, place = at) => {
    return new InvalidPattern(`at character ${place + 1} of the pattern: ${what}`);
  };

  function options() {
    const parts = [run()];
    while (peek() === "|") {
      at++;
      parts.push(run());
    }
    return limited(parts.length === 1 ? parts[0] : { kind: "options", parts });
  }

  function run() {
    const parts = [];
    while (!["", "|", ")"].includes(peek())) parts.push(quantified());
    return limited(parts.length === 1 ? parts[0] : { kind: "run", parts });
  }

  function quantified() {
    const start = at;
    const part = atom();
    const limits = quantifier();
    if (!limits) return part;
    if (pattern[start] === "^" || pattern[start] === "$") {
      throw problem(`${pattern[start]} cannot be repeated`, start);
    }
    const follows = peek();
    if (follows === "?") throw problem("lazy quantifiers are not supported; the match is the same without");
    if (follows === "+") throw problem("possessive quantifiers are not supported");
    if (follows === "*" || follows === "{") {
      throw problem("nothing to repeat (write ( ) around what is repeated already)");
    }
    return limited({ kind: "repeat", part, least: limits[0], most: limits[1] });
  }

  function quantifier() {
    const short = { "*": [0, null], "+": [1, null], "?": [0, 1] }[peek()];
    if (short) {
      at++;
      return short;
    }
    return peek() === "{" ? counted() : null;
  }

  function counted() {
    const start = at;
    const end = pattern.indexOf("}", start);
    const inside = end > start ? pattern.slice(start + 1, end).join("") : "";
    const comma = inside.indexOf(",");
    const [low, high] = comma < 0 ? [inside, ""] : [inside.slice(0, comma), inside.slice(comma + 1)];
    if (!COUNT.test(low) || (high && !COUNT.test(high))) {
      throw problem("expected {m}, {m,} or {m,n} (write \\{ for the character {)", start);
    }
    at = end + 1;
    const least = Number(low);
    const most = comma < 0 ? least : high ? Number(high) : null;
    if (Math.max(least, most ?? 0) > MAX_REPEAT) {
      throw problem(`expected at most ${MAX_REPEAT} repetitions`, start);
    }
    if (most !== null && most < least) throw problem("expected the smaller number first", start);
    return [least, most];
  }

  function atom() {
    const start = at;
    const char = take();
    switch (char) {
      case ".":
        return { kind: "chars", ranges: ANY };
      case "^":
      case "$":
        return { kind: "edge", isEnd: char === "$" };
      case "(":
        return group(start);
      case "[":
        return set(start);
      case "\\":
        return { kind: "chars", ranges: escape(start) };
      case "*":
      case "+":
      case "?":
        throw problem("nothing to repeat (write a \\ before the character)", start);
      case "{":
        throw problem("nothing to repeat (write \\{ for the character)", start);
    }
    return { kind: "chars", ranges: only(char) };
  }

  function group(start) {
    if (peek() === "?") {
      if (pattern[at + 1] !== ":") throw problem("only ( ) and (?: ) are supported", start);
      at += 2;
    }
    if (++depth > MAX_GROUPS) {
      throw problem(`expected at most ${MAX_GROUPS} groups within each other`, start);
    }
    const part = options();
    depth--;
    if (take() !== ")") throw problem("this ( is never closed", start);
    return part;
  }

  function escape(start) {
    const char = take();
    if (CLASSES.has(char)) return CLASSES.get(char);
    if (PUNCTUATION.test(char)) return only(char);
    if (!char) throw problem("a \\ with nothing after it", start);
    throw problem("only \\d \\w \\s \\D \\W \\S and escaped punctuation are known", start);
  }

  function set(start) {
    const isNegated = peek() === "^";
    if (isNegated) at++;
    const found = [];
    const first = at;
    while (peek() !== "]") {
      if (!peek()) throw problem("this [ is never closed (write \\[ for the character)", start);
      found.push(...member(first));
    }
    if (!found.length) throw problem("expected something between [ and ] (write \\] for a ])", start);
    at++;
    const ranges = isNegated ? complement(union(found)) : union(found);
    if (!ranges.length) throw problem("no character is in this set", start);
    return { kind: "chars", ranges };
  }

  /** One character, class or range of a set. */
  function member(first) {
    const start = at;
    const low = memberEnd(first);
    if (peek() !== "-" || ["]", undefined].includes(pattern[at + 1])) return low;
    at++;
    const high = memberEnd(first);
    if (!isSingle(low) || !isSingle(high)) throw problem("a range needs a character at each end", start);
    if (low[0][0] > high[0][0]) {
      throw problem("expected the smaller character of the range first", start);
    }
    return [[low[0][0], high[0][0]]];
  }

  function memberEnd(first) {
    const start = at;
    const char = take();
    if (char === "\\") return escape(start);
    if (char === "[") throw problem("write \\[ for the character [ within a set", start);
    if (char === "-" && start !== first && peek() !== "]") {
      throw problem("write \\- for the character - within a set", start);
    }
    return only(char);
  }

  return { options, problem, isAtEnd: () => at >= pattern.length };
}

const only = (char) => [[char.codePointAt(0), char.codePointAt(0)]];
const isSingle = (ranges) => ranges.length === 1 && ranges[0][0] === ranges[0][1];

function limited(part) {
  if (sizeOf(part) > MAX_STATES) {
    throw new InvalidPattern(
      `the pattern is too large: its repetitions need more than ${MAX_STATES} states`,
    );
  }
  return part;
}

/** How many states a tree needs, counted before anything is repeated. */
function sizeOf(part) {
  if (part.kind === "repeat") return sizeOf(part.part) * Math.max(1, part.least, part.most ?? 0);
  if (!part.parts) return 1;
  return Math.max(1, part.parts.reduce((sum, each) => sum + sizeOf(each), 0));
}

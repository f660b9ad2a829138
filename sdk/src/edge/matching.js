/** Run a pattern over a text in linear time: all places in the pattern where a reader may be, at once. */

import { isIn } from "./characters.js";
import { parsePattern } from "./patterns.js";

/**
 * Nodes by number: a set of characters and one way on, an edge of the text, or free ways.
 *
 * @typedef {{ranges?: import("./characters.js").Ranges, isEnd?: boolean, ways: number[]}} GraphNode
 */

/**
 * @param {string} pattern
 * @returns {(text: string) => boolean} is the pattern found somewhere in the text?
 * @throws {import("./patterns.js").InvalidPattern}
 */
export function createMatcher(pattern) {
  /** @type {GraphNode[]} */
  const graph = [{ ways: [] }];
  const GOAL = 0;
  const begin = add(graph, parsePattern(pattern), GOAL);
  const first = closed([begin], true, false);
  const again = closed([begin], false, false);

  /** The nodes reached without a character that wait for one, for the end, or are the goal. */
  function closed(nodes, atStart, atEnd) {
    const seen = new Set(nodes);
    const kept = new Set();
    for (const number of seen) {
      const { ranges, isEnd, ways } = graph[number];
      if (ranges || number === GOAL || isEnd) kept.add(number);
      if (ranges || (isEnd !== undefined && !(isEnd ? atEnd : atStart))) continue;
      for (const way of ways) seen.add(way); // A set that grows is walked to its end.
    }
    return kept;
  }

  return (text) => {
    let here = first;
    for (const char of text) {
      if (here.has(GOAL)) return true;
      if (!here.size) return false;
      const code = char.codePointAt(0);
      const moved = [];
      for (const number of here) {
        const { ranges, ways } = graph[number];
        if (ranges && isIn(ranges, code)) moved.push(ways[0]);
      }
      here = closed(moved, false, false);
      for (const number of again) here.add(number);
    }
    return here.has(GOAL) || closed(here, text === "", true).has(GOAL);
  };
}

/** Add a tree that goes on to the node `after`; returns where it begins. */
function add(graph, part, after) {
  switch (part.kind) {
    case "chars":
      return graph.push({ ranges: part.ranges, ways: [after] }) - 1;
    case "edge":
      return graph.push({ isEnd: part.isEnd, ways: [after] }) - 1;
    case "run":
      return part.parts.reduceRight((next, each) => add(graph, each, next), after);
    case "options": {
      const ways = part.parts.map((each) => add(graph, each, after));
      return graph.push({ ways }) - 1;
    }
  }
  return part.most === null ? addLoop(graph, part, after) : addTimes(graph, part, after);
}

function addLoop(graph, { part, least }, after) {
  const loop = graph.push({ ways: [] }) - 1;
  const begin = add(graph, part, loop);
  graph[loop].ways = [begin, after];
  let next = least === 0 ? loop : begin;
  for (let i = 1; i < least; i++) next = add(graph, part, next);
  return next;
}

function addTimes(graph, { part, least, most }, after) {
  let next = after;
  for (let i = most; i > 0; i--) {
    const begin = add(graph, part, next);
    next = i <= least ? begin : graph.push({ ways: [begin, after] }) - 1;
  }
  return next;
}

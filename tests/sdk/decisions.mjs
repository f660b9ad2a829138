/**
 * Answers questions about placements, one JSON document a line, in order.
 *
 *     node decisions.mjs MODULE < questions > answers
 *
 * A question is {snapshot, asked: [{placement, visitor, context, now_ms}]} with the engine's names, an answer
 * {turns: [[decision, ...], ...]}: for each, what is served in turn as caps are refused.
 */

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { compileSnapshot, decideInTurn } = await import(pathToFileURL(process.argv[2]).href);

function visitorOf(doc) {
  const { unit_id: unitId, trait_meta: traitMeta, session_since_ms: sessionSinceMs, may_split: maySplit, ...same } = doc;
  return { unitId, traitMeta, sessionSinceMs, maySplit, ...same };
}

function told(decision) {
  const { validUntilMs: valid_until_ms, isStale: is_stale, ...same } = decision;
  return { valid_until_ms, is_stale, ...same };
}

function answer({ snapshot, asked }) {
  const compiled = compileSnapshot(snapshot);
  return {
    turns: asked.map(({ placement, visitor, context, now_ms }) =>
      [...decideInTurn(compiled, placement, visitorOf(visitor), context, now_ms)].map(told),
    ),
  };
}

const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  answers.push(JSON.stringify(answer(JSON.parse(line))));
}
process.stdout.write(answers.map((line) => `${line}\n`).join(""));

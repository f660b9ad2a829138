/**
 * Answers questions about conditions, one JSON document a line, in order.
 *
 *     node answers.mjs MODULE < questions > answers
 *
 * A question is {condition, facts, instants: [ms]}, an answer {verdicts: [[verdict, valid until]]}, or
 * {refused: {path, problem}}.
 */

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { InvalidCondition, compileCondition } = await import(pathToFileURL(process.argv[2]).href);

function answer({ condition, facts, instants }) {
  let compiled;
  try {
    compiled = compileCondition(condition);
  } catch (error) {
    if (!(error instanceof InvalidCondition)) throw error;
    return { refused: { path: error.path, problem: error.problem } };
  }
  return {
    verdicts: instants.map((nowMs) => {
      const { verdict, validUntilMs } = compiled(facts, nowMs);
      return [verdict, validUntilMs];
    }),
  };
}

const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  answers.push(JSON.stringify(answer(JSON.parse(line))));
}
process.stdout.write(answers.map((line) => `${line}\n`).join(""));

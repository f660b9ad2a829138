/**
 * Deals visitors, one JSON document a line, in order: {seed, weights, coverage, layer, units} in, the index of
 * each unit's arm out.
 *
 *     node assignments.mjs MODULE < questions > answers
 */

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { assign, rangesOf } = await import(pathToFileURL(process.argv[2]).href);

for await (const line of createInterface({ input: process.stdin })) {
  const { seed, weights, coverage, layer, units } = JSON.parse(line);
  const ranges = rangesOf(weights, coverage);
  process.stdout.write(`${JSON.stringify(units.map((unit) => assign(unit, seed, ranges, layer)))}\n`);
}

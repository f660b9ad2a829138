/**
 * Calls functions of the edge's modules, one JSON document a line, in order.
 *
 *     node functions.mjs FOLDER < calls > answers
 *
 * A call is {module, name, args, then}: with `then`, the function that comes back is called with these arguments.
 * An answer is {value} or {error: name of the error}.
 */

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];

async function answer({ module, name, args, then }) {
  const functions = await import(pathToFileURL(`${folder}/${module}.js`).href);
  const revived = args.map((arg) => (arg?.base64 !== undefined ? Buffer.from(arg.base64, "base64") : arg));
  try {
    const made = functions[name].prototype?.constructor === functions[name] && /^[A-Z]/.test(name);
    let value = await (made ? new functions[name](...revived) : functions[name](...revived));
    if (then) value = made ? then.map((each) => value.get(each)) : value(...then);
    return { value: value ?? null };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}

const answers = [];
for await (const line of createInterface({ input: process.stdin })) {
  answers.push(JSON.stringify(await answer(JSON.parse(line))));
}
process.stdout.write(answers.map((line) => `${line}\n`).join(""));

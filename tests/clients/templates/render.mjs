/**
 * Renders templates as plain text with liquidjs and Handlebars, one JSON document in and one out.
 *
 * In: {cases: [{source, values}]}. Out: {liquidjs: [text], handlebars: [text]}; null: it refused.
 */

import Handlebars from "handlebars";
import { Liquid } from "liquidjs";

const { cases } = JSON.parse(await new Response(process.stdin).text());
const liquid = new Liquid({ ownPropertyOnly: true });

function attempt(render) {
  try {
    return render();
  } catch {
    return null;
  }
}

const told = {
  liquidjs: cases.map(({ source, values }) => attempt(() => liquid.parseAndRenderSync(source, values))),
  handlebars: cases.map(({ source, values }) =>
    attempt(() => Handlebars.compile(source, { noEscape: true })(values)),
  ),
};
process.stdout.write(JSON.stringify(told));

// Bundles ProseMirror into static/vendor, with the licences of all that is inside.
// Run `npm ci && npm run build` in this folder, then `python -m launcher.vendored --write`.

import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";

const { version } = JSON.parse(await readFile("node_modules/prosemirror-view/package.json", "utf8"));
const target = `${process.argv[2] ?? "../../static/vendor"}/prosemirror-${version}`;
await mkdir(target, { recursive: true });

const made = await build({
  entryPoints: ["prosemirror.js"],
  outfile: `${target}/prosemirror.js`,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  metafile: true,
  banner: { js: `/* ProseMirror (prosemirror-view ${version}), MIT: see LICENSE beside this file. */` },
});

const names = new Set();
for (const path of Object.keys(made.metafile.inputs)) {
  const name = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1];
  if (name) names.add(name);
}
let licences = "This bundle holds the following packages, each under the licence below its name.\n";
for (const name of [...names].sort()) {
  const about = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
  const text = await readFile(`node_modules/${name}/LICENSE`, "utf8");
  licences += `\n== ${name} ${about.version} (${about.license}) ==\n\n${text.trim()}\n`;
}
await writeFile(`${target}/LICENSE`, licences);
await writeFile(`${target}/prosemirror.css`, await readFile("node_modules/prosemirror-view/style/prosemirror.css", "utf8"));

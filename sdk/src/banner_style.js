/**
 * How the banner looks. A constructed style sheet: no style element or attribute, so it works under
 * `default-src 'self'`. A site sets the --attune-* properties on `attune-consent` or above; the names used
 * inside are no page's, or `--attune-accent: var(--accent)` would be a circle.
 */

const RULES = [
  ":host{--_paper:var(--attune-paper,#fff);--_ink:var(--attune-ink,#1b211e);--_accent:var(--attune-accent,#0f5f52);" +
    "--_on-accent:var(--attune-on-accent,#fff);color-scheme:light dark}",
  "@media(prefers-color-scheme:dark){:host{--_paper:var(--attune-paper,#1b2220);--_ink:var(--attune-ink,#eef3f0);" +
    "--_accent:var(--attune-accent,#7fdcc6);--_on-accent:var(--attune-on-accent,#06231d)}}",
  "*{box-sizing:border-box}[hidden]{display:none!important}",
  "section,.bar{position:fixed;z-index:2147483000;color:var(--_ink);font:400 16px/1.5 var(--attune-font,system-ui,sans-serif)}",
  "section{left:16px;bottom:16px;width:min(34rem,calc(100vw - 32px));max-height:calc(100vh - 72px);overflow:auto;" +
    "padding:20px 22px;background:var(--_paper);border:1px solid #8886;border-radius:16px;" +
    "box-shadow:0 2px 6px #0002,0 16px 50px #0004;overflow-wrap:anywhere}",
  "@media(max-width:600px){section{left:8px;bottom:8px;width:calc(100vw - 16px);padding:16px}}",
  ".bar{left:8px;bottom:8px;display:flex;gap:8px}",
  "h2{margin:0 0 6px;font-size:19px;line-height:1.3}h2:focus{outline:none}p{margin:0 0 10px}a{color:inherit}",
  ".signal{padding:8px 12px;border:1px solid;border-radius:8px}",
  ".answers{display:flex;flex-wrap:wrap;gap:10px}.answers button{flex:1 1 150px}",
  "button{min-height:44px;padding:8px 18px;border:1px solid var(--_accent);border-radius:8px;background:var(--_accent);" +
    "color:var(--_on-accent);font:inherit;font-weight:600;cursor:pointer}",
  "button.quiet{background:var(--_paper);color:var(--_accent)}.bar button{font-size:14px;padding:4px 12px}",
  ".more{display:flex;flex-wrap:wrap;gap:4px 18px;align-items:center;margin-top:8px}",
  ".more button{min-height:32px;padding:4px 0;border:0;background:none;color:inherit;font-weight:400;text-decoration:underline}",
  "form{margin-top:12px}.purpose{display:grid;grid-template-columns:32px 1fr;align-items:center}.purpose p{grid-column:2}",
  "label{font-weight:600;padding:6px 0;cursor:pointer}input{width:20px;height:20px;margin:0;accent-color:var(--_accent)}",
  ":focus-visible{outline:3px solid var(--_accent);outline-offset:2px}",
  ".said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}",
];

/** @param {ShadowRoot} root */
export function dress(root) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(RULES.join(""));
  root.adoptedStyleSheets = [sheet];
}

/**
 * A rich text as nodes. The server has cleaned it; but which field holds one only the page's markup says, and a plain
 * text in its place must not become markup of a visitor's making: what is not in the set is left out here, too.
 */

const TAGS = /^(A|IMG|P|H[2-4]|[UO]L|LI|BLOCKQUOTE|STRONG|EM|BR)$/;
const NAMES = /^(alt|height|rel|target|title|width)$/;

/**
 * @param {Node} from whose children are copied: the body of a parsed document that shows nothing and runs nothing.
 * @param {(value: string, attribute: string) => string | null} safeUrl
 * @returns {DocumentFragment}
 */
export function richNodes(from, safeUrl) {
  const into = document.createDocumentFragment();
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.append(node.data);
    if (!TAGS.test(node.tagName)) continue;
    const made = document.createElement(node.tagName);
    for (const { name, value } of node.attributes) {
      const kept = /^(href|src)$/.test(name) ? safeUrl(value, name) : NAMES.test(name) ? value : null;
      if (kept !== null) made.setAttribute(name, kept);
    }
    made.append(richNodes(node, safeUrl));
    into.append(made);
  }
  return into;
}

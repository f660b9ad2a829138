// Formatted text: a strict set of elements, with values of the visitor as pieces that stay whole.
// The textarea beneath holds the HTML that is sent, and is the form where this does not run.

import {
  DOMParser as Reader,
  DOMSerializer,
  EditorState,
  EditorView,
  InputRule,
  Schema,
  baseKeymap,
  bulletList,
  chainCommands,
  history,
  inputRules,
  keymap,
  lift,
  liftListItem,
  listItem,
  orderedList,
  redo,
  setBlockType,
  sinkListItem,
  splitListItem,
  textblockTypeInputRule,
  toggleMark,
  undo,
  wrapIn,
  wrapInList,
  wrappingInputRule,
} from "../../vendor/prosemirror-1.42.9/prosemirror.js";
import { el } from "../conditions/elements.js";
import { pick as pickPicture } from "./pictures.js";
import { boxed, markup, pick as pickValue, watch } from "./values.js";

const OURS = /\/media\/[0-9a-f]{64}\/[0-9a-z-]+$/;
const LIQUID = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;
const SAFE = /^(?:https?:|mailto:|tel:|[^:]*$|\{\{)/i;

const given = (names) => (node) => Object.fromEntries(names.map((name) => [name, node.getAttribute(name) || null]));
const told = (attributes) => Object.fromEntries(Object.entries(attributes).filter(([, value]) => value));

const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: { content: "inline*", group: "block", parseDOM: [{ tag: "p" }], toDOM: () => ["p", 0] },
    blockquote: { content: "block+", group: "block", defining: true, parseDOM: [{ tag: "blockquote" }], toDOM: () => ["blockquote", 0] },
    heading: {
      attrs: { level: { default: 2 } },
      content: "inline*",
      group: "block",
      defining: true,
      parseDOM: [1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${level}`, attrs: { level: Math.min(4, Math.max(2, level)) } })),
      toDOM: (node) => [`h${node.attrs.level}`, 0],
    },
    ordered_list: { ...orderedList, attrs: {}, parseDOM: [{ tag: "ol" }], toDOM: () => ["ol", 0], content: "list_item+", group: "block" },
    bullet_list: { ...bulletList, content: "list_item+", group: "block" },
    list_item: { ...listItem, content: "paragraph block*" },
    text: { group: "inline" },
    hard_break: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] },
    image: {
      inline: true,
      group: "inline",
      draggable: true,
      attrs: { src: {}, alt: { default: null }, title: { default: null }, width: { default: null }, height: { default: null } },
      parseDOM: [{ tag: "img[src]", getAttrs: given(["src", "alt", "title", "width", "height"]) }],
      toDOM: (node) => ["img", { ...told(node.attrs), alt: node.attrs.alt ?? "" }],
    },
    variable: {
      inline: true,
      group: "inline",
      atom: true,
      attrs: { code: {} },
      parseDOM: [{ tag: "span[data-liquid]", getAttrs: (node) => ({ code: node.dataset.liquid }) }],
      toDOM: (node) => ["span", { "data-liquid": node.attrs.code, class: "liquid" }, node.attrs.code],
    },
  },
  marks: {
    link: {
      attrs: { href: {}, title: { default: null }, target: { default: null } },
      inclusive: false,
      parseDOM: [{ tag: "a[href]", getAttrs: (node) => SAFE.test(node.getAttribute("href").trim()) && given(["href", "title", "target"])(node) }],
      toDOM: (mark) => ["a", told(mark.attrs), 0],
    },
    em: { parseDOM: [{ tag: "em" }, { tag: "i" }], toDOM: () => ["em", 0] },
    strong: { parseDOM: [{ tag: "strong" }, { tag: "b" }], toDOM: () => ["strong", 0] },
  },
});

const writer = DOMSerializer.fromSchema(schema);

const unescaped = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function written(doc) {
  if (doc.childCount === 1 && doc.firstChild.type === schema.nodes.paragraph && doc.firstChild.childCount === 0) return "";
  const box = document.implementation.createHTMLDocument("").createElement("div");
  box.append(writer.serializeFragment(doc.content, { document: box.ownerDocument }));
  // Values stand as plain text in what is sent: Liquid reads them there.
  for (const value of box.querySelectorAll("[data-liquid]")) value.replaceWith(value.dataset.liquid);
  return box.innerHTML.replaceAll("</p>", "</p>\n").replaceAll(/<\/p>\n(?=<\/(?:li|blockquote)>)/g, "</p>").trim().replaceAll(LIQUID, unescaped);
}

export function readHtml(html) {
  // Values in text become pieces; those inside of tags (an address) stay text of the attribute.
  const marked = html.replaceAll(/<[^>]*>|\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g, (found) => (found.startsWith("<") ? found : `<span data-liquid="${escaped(unescaped(found))}"></span>`));
  const read = new window.DOMParser().parseFromString(`<body>${plain(marked)}</body>`, "text/html");
  return Reader.fromSchema(schema).parse(read.body);
}

// Without styles, scripts and the notes of a word processor: browsers complain about them even
// where nothing is shown.
export function plain(html) {
  return html
    .replaceAll(/<!--[\s\S]*?-->|<!\[[\s\S]*?\]>/g, "")
    .replaceAll(/<(style|script|xml|title|head)\b[\s\S]*?<\/\1\s*>/gi, "")
    .replaceAll(/<\/?(?:meta|link|base|o:p|w:[a-z]+|font)\b[^>]*>/gi, "")
    .replaceAll(/<[a-z][^>]*>/gi, (tag) => tag.replaceAll(/\s(?:style|class|lang|on[a-z]+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)/gi, ""));
}

function drawnImage(node) {
  const path = node.attrs.src.match(OURS)?.[0];
  const dom = path ? el("img", { src: path, alt: node.attrs.alt ?? "" }) : el("span", { class: "value-picture" }, `[picture${node.attrs.alt ? `: ${node.attrs.alt}` : ""}]`);
  return { dom };
}

export function richText(area, place) {
  if (area.dataset.isRich) return;
  area.dataset.isRich = "yes";
  const label = document.querySelector(`label[for="${area.id}"]`);
  const box = el("div", { class: "rich" });
  const bar = el("div", { class: "rich-bar", role: "toolbar", "aria-label": "Format" });
  const sample = el("div", { class: "value-sample", "aria-live": "polite" });
  boxed(area).prepend(box);
  const { nodes, marks } = schema;
  const heading = (level) => textblockTypeInputRule(new RegExp(`^#{${level}}\\s$`), nodes.heading, { level });
  const value = new InputRule(/\{\{[^{}]+\}\}$/, (state, match, start, end) => state.tr.replaceWith(start, end, nodes.variable.create({ code: match[0] })));
  const state = EditorState.create({
    doc: readHtml(area.value),
    plugins: [
      inputRules({ rules: [value, heading(2), heading(3), heading(4), wrappingInputRule(/^\s*[-*]\s$/, nodes.bullet_list), wrappingInputRule(/^1\.\s$/, nodes.ordered_list), wrappingInputRule(/^\s*>\s$/, nodes.blockquote)] }),
      history(),
      keymap({
        "Mod-z": undo, "Mod-y": redo, "Mod-Shift-z": redo,
        "Mod-b": toggleMark(marks.strong), "Mod-i": toggleMark(marks.em),
        "Mod-k": () => (link(), true),
        Enter: splitListItem(nodes.list_item), "Mod-]": sinkListItem(nodes.list_item), "Mod-[": liftListItem(nodes.list_item),
        "Shift-Enter": (now, send) => (send?.(now.tr.replaceSelectionWith(nodes.hard_break.create()).scrollIntoView()), true),
      }),
      keymap(baseKeymap),
    ],
  });
  const view = new EditorView(box, {
    state,
    attributes: { role: "textbox", "aria-multiline": "true", "aria-label": label?.textContent.trim() ?? "Text", class: "rich-text", spellcheck: "true" },
    nodeViews: { image: drawnImage },
    transformPastedHTML: plain,
    dispatchTransaction(change) {
      view.updateState(view.state.apply(change));
      if (change.docChanged) {
        area.value = written(view.state.doc);
        area.dispatchEvent(new Event("input", { bubbles: true }));
      }
      pressed();
    },
  });
  const run = (command) => () => {
    command(view.state, view.dispatch, view);
    view.focus();
  };
  const insert = (node) => {
    view.dispatch(view.state.tr.replaceSelectionWith(node, true).scrollIntoView());
    view.focus();
  };
  const has = (mark) => {
    const { from, $from, to, empty } = view.state.selection;
    return empty ? Boolean(mark.isInSet(view.state.storedMarks ?? $from.marks())) : view.state.doc.rangeHasMark(from, to, mark);
  };
  const within = (type) => {
    const { $from } = view.state.selection;
    for (let depth = $from.depth; depth > 0; depth -= 1) if ($from.node(depth).type === type) return true;
    return false;
  };
  async function link() {
    const { from, to, empty } = view.state.selection;
    if (has(marks.link)) return run(toggleMark(marks.link))();
    const href = await asked("Where does the link lead?", "/summer or https://…");
    if (!href || !SAFE.test(href)) return view.focus();
    const mark = marks.link.create({ href });
    const tr = empty ? view.state.tr.insert(from, schema.text(href, [mark])) : view.state.tr.addMark(from, to, mark);
    view.dispatch(tr.scrollIntoView());
    view.focus();
  }
  const toggled = (type, wrap) => (now, send, at) => (within(type) ? (type === nodes.blockquote ? lift : liftListItem(nodes.list_item))(now, send, at) : wrap(now, send, at));
  const style = el("select", { "aria-label": "Paragraph or heading", on: { change: () => {
    const level = Number(style.value);
    run(level ? setBlockType(nodes.heading, { level }) : setBlockType(nodes.paragraph))();
  } } }, [["0", "Paragraph"], ["2", "Heading"], ["3", "Smaller heading"], ["4", "Smallest heading"]].map(([level, words]) => el("option", { value: level }, words)));
  const buttons = [
    ["B", "Bold", run(toggleMark(marks.strong)), () => has(marks.strong), "is-strong"],
    ["I", "Italic", run(toggleMark(marks.em)), () => has(marks.em), "is-em"],
    ["Link", "Link", link, () => has(marks.link)],
    ["• List", "List", run(toggled(nodes.bullet_list, wrapInList(nodes.bullet_list))), () => within(nodes.bullet_list)],
    ["1. List", "Numbered list", run(toggled(nodes.ordered_list, wrapInList(nodes.ordered_list))), () => within(nodes.ordered_list)],
    ["“ ”", "Quote", run(toggled(nodes.blockquote, wrapIn(nodes.blockquote))), () => within(nodes.blockquote)],
    ["Picture", "Picture", () => pickPicture(place, (picture) => insert(nodes.image.create({ src: picture.address, alt: picture.alt })))],
    ["Value", "Insert a value of the visitor", () => pickValue(place, (path, fallback) => insert(nodes.variable.create({ code: markup(path, fallback) })))],
    ["Undo", "Undo", run(undo)],
    ["Redo", "Redo", run(redo)],
  ].filter(([, name]) => (name !== "Picture" || place.pictures) && (!name.startsWith("Insert") || place.values));
  const made = buttons.map(([words, name, does, is, look]) => {
    const one = el("button", { type: "button", title: name, "aria-label": name, class: look, "aria-pressed": is ? "false" : null, on: { mousedown: (event) => event.preventDefault(), click: does } }, words);
    return [one, is];
  });
  const html = el("button", { type: "button", "aria-pressed": "false", on: { click: () => {
    const isCode = area.hidden;
    area.hidden = !isCode;
    view.dom.hidden = isCode;
    for (const one of [style, ...made.map(([button]) => button)]) one.disabled = isCode;
    html.setAttribute("aria-pressed", String(isCode));
    if (!isCode) view.updateState(EditorState.create({ doc: readHtml(area.value), plugins: view.state.plugins }));
    (isCode ? area : view).focus();
  } } }, "HTML");
  const pressed = () => {
    for (const [one, is] of made) if (is) one.setAttribute("aria-pressed", String(is()));
    const block = view.state.selection.$from.parent;
    style.value = block.type === nodes.heading ? String(block.attrs.level) : "0";
  };
  bar.append(style, ...made.map(([one]) => one), html);
  box.prepend(bar);
  area.hidden = true;
  area.after(sample);
  label?.addEventListener("click", () => view.focus());
  if (place.sample) watch(area, "html", sample, place);
  pressed();
}

// One question in a window of the page; empty when it was left.
function asked(question, hint) {
  return new Promise((done) => {
    const input = el("input", { type: "text", id: "asked-text", placeholder: hint, autocomplete: "off" });
    const form = el("form", { method: "dialog" }, el("label", { for: "asked-text" }, question), input, el("p", {}, el("button", { class: "button default", value: "yes" }, "OK"), " ", el("button", { type: "button", class: "button", on: { click: () => box.close("") } }, "Cancel")));
    const box = el("dialog", { class: "picker picker-small" }, form);
    document.body.append(box);
    box.addEventListener("close", () => {
      box.remove();
      done(box.returnValue === "yes" ? input.value.trim() : "");
    });
    box.showModal();
    input.focus();
  });
}

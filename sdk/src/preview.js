/**
 * A page opened with `?attune_preview=prv_...` shows what an editor previews: decisions carry the token,
 * nothing else is sent or stored, and a banner says so. Without the parameter this file does nothing.
 */

const PARAMETER = "attune_preview";

/** @returns {string} the token in the page's address, "" for none */
export function previewToken() {
  const token = new URL(location.href).searchParams.get(PARAMETER) || "";
  return token.startsWith("prv_") ? token : "";
}

/** Say what this is, above everything, with the way out; `words` change once the answer is there. */
export function showPreviewBanner(words) {
  const id = "attune-preview";
  let banner = document.getElementById(id);
  if (!banner) {
    const here = new URL(location.href);
    here.searchParams.delete(PARAMETER);
    const leave = document.createElement("a");
    leave.href = here;
    leave.textContent = "Leave the preview";
    leave.style.cssText = "color:inherit;margin-left:1em";
    banner = document.createElement("div");
    banner.id = id;
    banner.setAttribute("role", "status");
    banner.style.cssText =
      "position:fixed;z-index:2147483647;inset:auto 0 0;padding:10px 16px;background:#22302a;color:#fff;" +
      "font:600 14px/1.4 system-ui,sans-serif;text-align:center";
    banner.append(document.createElement("span"), leave);
    document.body.append(banner);
  }
  banner.firstChild.textContent = words;
}

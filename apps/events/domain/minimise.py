"""Less is kept than is sent: addresses truncated, browsers named by family, query strings stripped.

All functions are pure; the caches only spare work on values that every event of a visitor repeats.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

KEPT_PARAMETERS = frozenset({"gclid", "q"})
KEPT_PREFIX = "utm_"
_HINTS_KEPT = frozenset({"brands", "mobile", "platform"})


@lru_cache(maxsize=4096)
def truncated_address(address: str) -> str | None:
    """Return the address of its /24 (IPv4) or /48 (IPv6) network, None if it is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Network((int(parsed), 48), strict=False).network_address)
        parsed = parsed.ipv4_mapped
    return str(IPv4Network((int(parsed), 24), strict=False).network_address)


@dataclass(frozen=True, slots=True)
class Browser:
    """A user agent reduced to what a condition may ask: "Chrome 120", "Windows", "desktop"."""

    family: str
    system: str | None
    device: str


# The first that matches names the browser: most of them also claim to be Chrome and Safari.
_FAMILIES = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"(?:Edg|EdgA|EdgiOS)/(\d+)", "Edge"),
        (r"(?:OPR|Opera)/(\d+)", "Opera"),
        (r"SamsungBrowser/(\d+)", "Samsung Internet"),
        (r"(?:Firefox|FxiOS)/(\d+)", "Firefox"),
        (r"(?:Chrome|CriOS|HeadlessChrome)/(\d+)", "Chrome"),
        (r"Version/(\d+)[.\d]* (?:Mobile/\w+ )?Safari/", "Safari"),
    )
]
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_ROBOT = re.compile(r"bot\b|crawl|spider|slurp", re.IGNORECASE)
_PRODUCT = re.compile(r"([A-Za-z][\w.-]{0,40})/(\d{1,4})")


@lru_cache(maxsize=4096)
def browser_of(user_agent: str) -> Browser:
    """Return the family, system and kind of device that a User-Agent header names."""
    text = user_agent[:512]
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if _ROBOT.search(text):
        return Browser("Robot", system, "robot")
    for pattern, name in _FAMILIES:
        if found := pattern.search(text):
            family = f"{name} {found[1]}"
            break
    else:
        product = _PRODUCT.match(text)
        family = f"{product[1]} {product[2]}" if product and product[1] != "Mozilla" else "Other"
    if "iPad" in text or ("Android" in text and "Mobile" not in text):
        device = "tablet"
    elif "Mobile" in text or "iPhone" in text:
        device = "mobile"
    else:
        device = "desktop" if system else "other"
    return Browser(family, system, device)


def stripped_address(url: str) -> str:
    """Return a URL, path or bare "?query" with only the parameters of the allow-list left.

    A fragment with "=" in it goes too: that is where sign-in pages put tokens.
    """
    rest, hash_mark, fragment = url.partition("#")
    if hash_mark and "=" not in fragment:
        fragment = "#" + fragment
    else:
        fragment = ""
    head, _, query = rest.partition("?")
    kept = "&".join(part for part in query.split("&") if _is_kept(part.partition("=")[0]))
    return f"{head}?{kept}{fragment}" if kept else head + fragment


def _is_kept(parameter: str) -> bool:
    name = parameter.lower()
    return name in KEPT_PARAMETERS or name.startswith(KEPT_PREFIX)


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://", "/", "?"))


def without_queries(value: Any) -> Any:
    """Return `value` with every URL, path or "?query" in it stripped, at any depth."""
    kind = type(value)
    if kind is str:
        return (
            stripped_address(value)
            if ("?" in value or "#" in value) and _is_address(value)
            else value
        )
    if kind is dict:
        return {key: without_queries(part) for key, part in value.items()}
    if kind is list:
        return [without_queries(part) for part in value]
    return value


def reduce_context(context: dict[str, Any]) -> None:
    """Replace, in place, the user agent by its family and client hints by the harmless ones."""
    user_agent = context.get("userAgent")
    if user_agent is not None:
        browser = (
            browser_of(user_agent) if type(user_agent) is str else Browser("Other", None, "other")
        )
        context["userAgent"] = browser.family
        if browser.system is not None:
            context.setdefault("os", {"name": browser.system})
        context.setdefault("device", {"type": browser.device})
    hints = context.get("userAgentData")
    if hints is not None:
        kept = hints if type(hints) is dict else {}
        context["userAgentData"] = {k: v for k, v in kept.items() if k in _HINTS_KEPT}

"""What a rule may ask of a User-Agent header: the kind of device, the browser, the system."""

import re
from functools import lru_cache
from typing import Final, NamedTuple


class Agent(NamedTuple):
    """`device` is mobile, tablet, desktop, robot or other; `browser` and `os` are names or None."""

    device: str
    browser: str | None
    os: str | None


# The first that is found names it: most browsers also claim to be Chrome and Safari.
_BROWSERS: Final = (
    (("Edg/", "EdgA/", "EdgiOS/"), "Edge"),
    (("OPR/", "Opera/"), "Opera"),
    (("SamsungBrowser/",), "Samsung Internet"),
    (("Firefox/", "FxiOS/"), "Firefox"),
    (("Chrome/", "CriOS/"), "Chrome"),
    (("Safari/",), "Safari"),
)
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_ROBOT: Final = re.compile(r"bot\b|crawl|spider|slurp", re.IGNORECASE)


@lru_cache(maxsize=4096)
def agent_of(text: str) -> Agent:
    """Return what a User-Agent header names."""
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    browser = next((name for marks, name in _BROWSERS if any(m in text for m in marks)), None)
    if _ROBOT.search(text):
        return Agent("robot", browser, system)
    if "iPad" in text or ("Android" in text and "Mobile" not in text):
        device = "tablet"
    elif "Mobile" in text or "iPhone" in text:
        device = "mobile"
    else:
        device = "desktop" if system else "other"
    return Agent(device, browser, system)

"""From what an editor put into a typed field to the form in which a publication stores it.

A plain JSON value is final. An object is made for each visitor: `{"as": "text" | "html" | "url"}`
with either `"slots"`, a list of literals and (for text and URLs) paths as lists of names or (for
HTML) slot objects, or `"liquid"`, a template; `{"as": "parts", "of": ...}`, a list or an object of
such forms; `{"as": "value", "value": ...}`, a constant that is itself an object; and `{"as":
"items", "recommender": ..., "limit": ...}`, recommended products.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import TypeAlias

from apps.content.domain.cleaning import too_rich
from apps.content.domain.sandbox import MAX_SOURCE, compile_liquid
from apps.content.domain.templates import literal_pieces, parse_template, slot_paths
from apps.content.domain.themes import Spoken
from apps.content.types import is_key
from engine.templating import Slot, safe_url

JSON: TypeAlias = str | int | float | bool | list["JSON"] | dict[str, "JSON"] | None
Storing: TypeAlias = Callable[[str, JSON, Spoken], JSON]

EXACT_INT = 2**53 - 1  # what every language's number can hold
MAX_TEXTS = 100  # of a list
MAX_TEXT = 2_000  # characters of one of them
MAX_JSON = 20_000  # characters
MAX_DEPTH = 20
MAX_PRODUCTS = 50

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LIQUID_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_LIQUID_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LIQUID = re.compile(f"{_LIQUID_TAG.pattern}|{_LIQUID_VALUE.pattern}", re.DOTALL)


def is_storable(value: JSON) -> bool:
    """Tell whether Postgres can hold the value: no NUL, half surrogate pair, NaN or infinity."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    if isinstance(value, list):
        return all(is_storable(item) for item in value)
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(item) for key, item in value.items())
    return not isinstance(value, float) or math.isfinite(value)


def is_made(stored: JSON) -> bool:
    """Tell whether a stored form differs from visitor to visitor."""
    return isinstance(stored, dict) and stored.get("as") != "value"


def string(name: str, value: JSON, said: Spoken) -> JSON:
    """A text, with Liquid."""
    return _plain(name, _source(name, value, said), "text")


def url(name: str, value: JSON, said: Spoken) -> JSON:
    """An address, with Liquid."""
    return _plain(name, _source(name, value, said), "url")


def html(name: str, value: JSON, said: Spoken) -> JSON:
    """HTML, with Liquid; what no page may hold is taken out."""
    template = parse_template(_source(name, value, said, is_html=True))
    if template.liquid is not None:
        return {"as": "html", "liquid": template.liquid}
    parts = template.parts or ()
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    slots: list[JSON] = [
        {"path": list(part.path), "escape": part.escape} if isinstance(part, Slot) else part
        for part in parts
    ]
    return {"as": "html", "slots": slots}


def rich(name: str, value: JSON, said: Spoken) -> JSON:
    """HTML of a small set of tags; what is not among it is refused, not taken out.

    An editor's component writes HTML: `&gt;` and `&quot;` inside Liquid are the signs themselves.
    """
    source = _LIQUID.sub(lambda found: unescape(found[0]), _source(name, value, said, is_html=True))
    found = too_rich(_LIQUID_VALUE.sub("x", _LIQUID_TAG.sub("", source)))
    if found:
        raise ValueError(_too_rich(name, found))
    return html(name, source, said)


def _too_rich(name: str, found: list[str]) -> str:
    for one in ("href of <a>", "src of <img>"):
        if one in found:
            return (
                f"'{name}' has a link or a picture whose address is not allowed: it must be "
                "relative, or begin with https:, http:, mailto: or tel:."
            )
    return (
        f"'{name}' cannot hold {', '.join(found)}: a rich text has paragraphs, headings, lists, "
        "quotes, links, pictures, bold and italics."
    )


def number(name: str, value: JSON, said: Spoken) -> JSON:
    """A number that every language can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"'{name}' must be a number.")
    if not math.isfinite(value) or abs(value) > EXACT_INT:
        raise ValueError(f"'{name}' must be a number between -(2^53 - 1) and 2^53 - 1.")
    return value


def boolean(name: str, value: JSON, said: Spoken) -> JSON:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"'{name}' must be true or false.")
    return value


def image(name: str, value: JSON, said: Spoken) -> JSON:
    """An address, or an object with it, a description and the point that must stay in sight."""
    if not isinstance(value, dict):
        return url(name, value, said)
    if not value.keys() <= {"url", "alt", "focal", "asset"}:
        raise ValueError(f"'{name}' must be an address, or have url, alt, focal and asset only.")
    asset = value.get("asset")
    if asset is not None and not (isinstance(asset, str) and (not asset or is_key(asset))):
        raise ValueError(f"'{name}' names no picture of the media library.")
    parts: dict[str, JSON] = {"url": url(name, value.get("url"), said)}
    if value.get("alt") is not None:
        parts["alt"] = string(name, value["alt"], said)
    focal = value.get("focal")
    if focal is not None:
        if not isinstance(focal, list) or len(focal) != 2 or not all(map(_is_share, focal)):
            raise ValueError(f"The focal point of '{name}' must be two numbers from 0 to 1.")
        parts["focal"] = focal
    return _whole(parts)


def link(name: str, value: JSON, said: Spoken) -> JSON:
    """An address and the text to click on."""
    if not isinstance(value, dict) or not value.keys() <= {"url", "text"}:
        raise ValueError(f"'{name}' must be a link: an address and a text.")
    if not value.get("url"):
        raise ValueError(f"'{name}' has a text but no address.")
    return _whole(
        {
            "url": url(name, value["url"], said),
            "text": string(name, value.get("text") or "", said),
        }
    )


def texts(name: str, value: JSON, said: Spoken) -> JSON:
    """A list of texts, with Liquid."""
    if not isinstance(value, list) or len(value) > MAX_TEXTS:
        raise ValueError(f"'{name}' must be a list of at most {MAX_TEXTS} texts.")
    if not all(isinstance(one, str) and len(one) <= MAX_TEXT for one in value):
        raise ValueError(f"Each entry of '{name}' must be a text of at most {MAX_TEXT} characters.")
    made = [string(name, one, said) for one in value]
    return {"as": "parts", "of": made} if any(map(is_made, made)) else made


def document(name: str, value: JSON, said: Spoken) -> JSON:
    """Any JSON, as it is."""
    problem = _json_problem(value)
    if problem:
        raise ValueError(f"'{name}' {problem}")
    return {"as": "value", "value": value} if isinstance(value, dict) else value


def products(name: str, value: JSON, said: Spoken) -> JSON:
    """What a recommender would show, and how many of it."""
    if not isinstance(value, dict) or not value.keys() <= {"recommender", "limit"}:
        raise ValueError(f"'{name}' must name a recommender and how many products to show.")
    recommender, limit = value.get("recommender"), value.get("limit", 10)
    if not isinstance(recommender, str) or not is_key(recommender):
        raise ValueError(f"'{name}' must name the recommender that fills it.")
    is_count = isinstance(limit, int) and not isinstance(limit, bool)
    if not is_count or not 1 <= limit <= MAX_PRODUCTS:  # type: ignore[operator]  # asked before
        raise ValueError(f"'{name}' shows 1 to {MAX_PRODUCTS} products.")
    return {"as": "items", "recommender": recommender, "limit": limit}


def _source(name: str, value: JSON, said: Spoken, *, is_html: bool = False) -> str:
    if not isinstance(value, str):
        raise ValueError(f"'{name}' must be a text.")
    if len(value) > MAX_SOURCE or not is_storable(value):
        raise ValueError(
            f"'{name}' must have at most {MAX_SOURCE} characters, none of them NUL or half a "
            "surrogate pair."
        )
    return said.put_into(value, is_html=is_html)


def _plain(name: str, source: str, kind: str) -> JSON:
    paths = slot_paths(source)
    if paths is None:
        compile_liquid(source, "text")
        return {"as": kind, "liquid": source}
    if not paths:
        if kind == "url" and safe_url(source) == "#" and source != "#":
            raise ValueError(
                f"'{name}' must be a relative address or one that begins with https:, http:, "
                "mailto: or tel:."
            )
        return source
    pieces = literal_pieces(source)
    slots: list[JSON] = [pieces[0]] if pieces[0] else []
    for path, piece in zip(paths, pieces[1:], strict=True):
        slots.append(list(path))
        if piece:
            slots.append(piece)
    return {"as": kind, "slots": slots}


def _whole(parts: dict[str, JSON]) -> JSON:
    if any(map(is_made, parts.values())):
        return {"as": "parts", "of": parts}
    return {"as": "value", "value": parts}


def _is_share(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _json_problem(value: JSON) -> str:
    """What is wrong with a JSON value; empty: nothing."""
    if _depth(value) > MAX_DEPTH:  # first: the others walk down to the end
        return f"may be nested at most {MAX_DEPTH} deep."
    if not is_storable(value):
        return "cannot hold NUL, half a surrogate pair, NaN or infinity."
    if not _is_exact(value):
        return "holds a whole number beyond 2^53 - 1, which browsers cannot read."
    if len(json.dumps(value, ensure_ascii=False)) > MAX_JSON:
        return f"may have at most {MAX_JSON} characters as JSON."
    return ""


def _parts_of(value: JSON) -> list[JSON]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _depth(value: JSON) -> int:
    """How deep it is nested, counted no further than one beyond what is allowed."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        level = [part for one in level for part in _parts_of(one)]
        depth += 1
    return depth


def _is_exact(value: JSON) -> bool:
    if isinstance(value, int) and abs(value) > EXACT_INT:
        return False
    return all(_is_exact(part) for part in _parts_of(value))

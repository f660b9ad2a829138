"""Which fields a publication holds, and of which types. Pure.

A publication keeps values and no declarations. What is declared is a draft, so it is believed only
where every published value may be of that type: nobody reads what was not published.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

_EVERY: Final = frozenset(
    {
        "string", "rich", "html", "url", "link", "image", "number", "boolean", "list", "json",
        "products",
    }
)  # fmt: skip
# What a value is taken for where nothing is declared that it may be, the first that fits.
_PLAIN: Final = ("string", "html", "url", "number", "boolean", "list", "link", "image", "products")
_LINK: Final = frozenset({"url", "text"})
_IMAGE: Final = frozenset({"url", "alt", "focal"})


def published_types(
    variants: Sequence[Mapping[str, Any]], declared: Mapping[str, str]
) -> dict[str, str]:
    """Return the type of each published field, in the order of the declared ones, then by name.

    Args:
        variants: the stored fields of each variant in each language (see `apps/content`).
        declared: the fields of the draft, name -> type.
    """
    values: dict[str, list[Any]] = {}
    for fields in variants:
        for name, stored in fields.items():
            values.setdefault(name, []).append(stored)
    names = [name for name in declared if name in values]
    names += sorted(values.keys() - declared.keys())
    return {name: _type_of(values[name], declared.get(name, "")) for name in names}


def _type_of(values: Iterable[Any], declared: str) -> str:
    possible = reduce(frozenset.intersection, map(_may_be, values), _EVERY)
    if declared in possible:
        return declared
    return next((one for one in _PLAIN if one in possible), "json")


def _may_be(stored: Any) -> frozenset[str]:
    """The types of which a stored value may be."""
    match stored:
        case None:
            return _EVERY
        case bool():
            return frozenset({"boolean", "json"})
        case int() | float():
            return frozenset({"number", "json"})
        case str():
            plain = frozenset({"string", "html", "url", "image", "json"})
            # A text that is no HTML was never a rich one of the editor's.
            return plain | {"rich"} if not stored or stored.lstrip().startswith("<") else plain
        case list():
            is_texts = all(isinstance(one, str) for one in stored)
            return frozenset({"list", "json"} if is_texts else {"json"})
        case dict():
            return _may_be_made(stored)
    return frozenset({"json"})


def _may_be_made(stored: dict[str, Any]) -> frozenset[str]:
    match stored.get("as"):
        case "text":
            return frozenset({"string"})
        case "url":
            return frozenset({"url", "image"})
        case "html":
            return frozenset({"html", "rich"})
        case "items":
            return frozenset({"products"})
        case "parts":
            parts = stored.get("of")
            return frozenset({"list"}) if isinstance(parts, list) else _of_keys(parts)
        case "value":
            return _of_keys(stored.get("value")) | {"json"}
    return frozenset({"json"})


def _of_keys(parts: Any) -> frozenset[str]:
    keys = frozenset(parts) if isinstance(parts, dict) else frozenset()
    if keys == _LINK:
        return frozenset({"link"})
    return frozenset({"image"}) if "url" in keys and keys <= _IMAGE else frozenset()

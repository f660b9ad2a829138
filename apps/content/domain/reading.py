"""Which values a published variant looks at, from the forms in which it is stored."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from apps.content.domain.sandbox import Path, compile_liquid
from engine.locales import every_form
from engine.snapshot import VariantDoc
from engine.templating import Slot


class Query(NamedTuple):
    """A field that holds recommended products."""

    field: str
    recommender: str
    limit: int


def paths_of(variant: VariantDoc) -> set[Path]:
    """Return the paths of the values that templates and fields read, in any language.

    Raises:
        InvalidTemplate: Liquid that this version cannot read.
    """
    found: set[Path] = set()
    for form in every_form(variant):
        found.update(part.path for part in form.template or () if isinstance(part, Slot))
        if form.template is None and form.liquid is not None:
            found.update(compile_liquid(form.liquid, "html").reads)
        for stored in form.fields.values():
            found.update(_paths_of_field(stored))
    return found


def uses_liquid(variant: VariantDoc) -> bool:
    """Whether only Liquid can render some of the variant, in any language."""
    return any(
        form.liquid is not None
        or any("liquid" in made for stored in form.fields.values() for made in _made_of(stored))
        for form in every_form(variant)
    )


def queries_of(variant: VariantDoc) -> tuple[Query, ...]:
    """Return the fields that hold recommended products; they are the same in all languages."""
    return tuple(
        Query(name, stored["recommender"], stored["limit"])
        for name, stored in variant.fields.items()
        if isinstance(stored, dict) and stored.get("as") == "items"
    )


def _made_of(stored: Any) -> Iterator[Mapping[str, Any]]:
    """The texts that are made for each visitor, inside a stored field (see `domain.stored`)."""
    if not isinstance(stored, dict) or stored.get("as") in ("value", "items"):
        return
    if stored.get("as") != "parts":
        yield stored
        return
    parts = stored["of"]
    for part in parts.values() if isinstance(parts, dict) else parts:
        yield from _made_of(part)


def _paths_of_field(stored: Any) -> Iterator[Path]:
    for made in _made_of(stored):
        slots = made.get("slots")
        if slots is None:
            dialect = "html" if made.get("as") == "html" else "text"
            yield from compile_liquid(made["liquid"], dialect).reads
            continue
        for slot in slots:
            if isinstance(slot, dict):
                yield tuple(slot["path"])
            elif not isinstance(slot, str):
                yield tuple(slot)

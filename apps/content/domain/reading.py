"""Which values a published variant looks at, from the forms in which it is stored."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.content.domain.sandbox import Path, compile_liquid
from engine.snapshot import VariantDoc
from engine.templating import Slot


def paths_of(variant: VariantDoc) -> set[Path]:
    """Return the paths of the values that the template and the fields read.

    Raises:
        InvalidTemplate: Liquid that this version cannot read.
    """
    found = {part.path for part in variant.template or () if isinstance(part, Slot)}
    if variant.liquid is not None:
        found.update(compile_liquid(variant.liquid, "html").reads)
    for stored in variant.fields.values():
        if isinstance(stored, dict):
            found.update(_paths_of_field(stored))
    return found


def _paths_of_field(stored: Mapping[str, Any]) -> Iterator[Path]:
    """The paths of a stored field; its shapes are those of `fields.publishable_fields`."""
    slots = stored.get("slots")
    if slots is None:
        dialect = "html" if stored.get("as") == "html" else "text"
        yield from compile_liquid(stored["liquid"], dialect).reads
        return
    for slot in slots:
        if isinstance(slot, dict):
            yield tuple(slot["path"])
        elif not isinstance(slot, str):
            yield tuple(slot)

"""Every page of the admin, found in its addresses: a new page is in these tests without a word."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

# Not pages: they end the visit, lead elsewhere, or lie in a frame where nothing may be run.
NO_PAGES: Final = frozenset({"logout", "autocomplete", "view_on_site", "app_list", "preview_frame"})
OF_A_ROW: Final = ("_change", "_delete", "_history")


class Address(NamedTuple):
    """A page: the name of its address, and where it is."""

    name: str
    path: str


class Unreached(AssertionError):
    """Nobody has said how some pages are reached."""


def every_address(known: Mapping[str, object], without_row: Collection[str] = ()) -> list[Address]:
    """Return everything that can be asked for with GET in the admin.

    Args:
        known: what addresses take, by the name of the parameter ("segment_id"), or of the address
            and the parameter ("usage:object_id"). Of a model's own pages the newest row is taken.
        without_row: labels of models of which there is no row ("app.model").

    Raises:
        Unreached: it is not known what other addresses take.
    """
    found: list[Address] = []
    missing: list[str] = []
    for name, takes in _named(admin.site.get_urls()):
        if name in NO_PAGES:
            continue
        kwargs = {one: _argument(name, one, known) for one in takes}
        if None in kwargs.values() and name.rpartition("_")[0].replace("_", ".") in without_row:
            continue
        if None in kwargs.values():
            missing.append(f"{name} {kwargs}")
        else:
            found.append(Address(name, reverse(f"admin:{name}", kwargs=kwargs)))
    if missing:
        raise Unreached("\n".join(missing))
    return found


def _named(
    patterns: Sequence[URLPattern | URLResolver], inherited: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str]]]:
    seen: set[str] = set()
    for pattern in patterns:
        takes = (*inherited, *pattern.pattern.converters)
        if isinstance(pattern, URLResolver):
            yield from _named(pattern.url_patterns, takes)
        elif pattern.name and pattern.name not in seen:
            seen.add(pattern.name)
            yield pattern.name, list(takes)


def _argument(name: str, takes: str, known: Mapping[str, object]) -> object:
    own = known.get(f"{name}:{takes}")
    if own is not None:
        return own
    if takes != "object_id":
        return known.get(takes)
    for model in apps.get_models():
        stem = f"{model._meta.app_label}_{model._meta.model_name}"
        if name.startswith(stem) and name.removeprefix(stem) in OF_A_ROW:
            row = model._default_manager.order_by("-pk").first()
            return None if row is None else row.pk
    return None

"""Which language of a variant to show. A choice of rendering: it decides nothing.

The asked text is one language tag or a whole Accept-Language header; the lookup is that of RFC
4647, section 3.4: "de-CH" finds "de-CH", then "de", then the next that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from engine.snapshot import BlockDoc, VariantDoc

MAX_RANGES = 20  # of one header that are looked at

_RANGE = re.compile(r"([a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:;q=([01](?:\.[0-9]{0,3})?))?")


def chosen(asked: str, offered: Iterable[str], default: str) -> str:
    """Return the language of `offered` and `default` that was asked for, as it is spelt there.

    What nothing fits is the default; what is no language tag is not looked at.
    """
    known = {locale.lower(): locale for locale in (default, *offered)}
    for language in preferred(asked):
        found = _looked_up(language, known)
        if found is not None:
            return found
    return default


def preferred(asked: str) -> list[str]:
    """Return the asked languages in lower case, the most wanted first."""
    weighted = []
    for part in re.sub("[ \t]", "", asked.lower().replace("_", "-")).split(",")[:MAX_RANGES]:
        found = _RANGE.fullmatch(part)
        if found is not None and float(found[2] or 1) > 0:
            weighted.append((-float(found[2] or 1), found[1]))
    weighted.sort(key=lambda pair: pair[0])  # stable: the order of the header decides last
    return [language for _, language in weighted]


def _looked_up(language: str, known: dict[str, str]) -> str | None:
    parts = language.split("-")
    while parts:
        found = known.get("-".join(parts))
        if found is not None:
            return found
        parts.pop()
        if parts and len(parts[-1]) == 1:  # "zh-x-private": the single letter only led to the rest
            parts.pop()
    return None


def locale_of(block: BlockDoc, variant: VariantDoc, asked: str) -> str | None:
    """Return the language in which a variant is shown; None where the site has but one."""
    if not block.locale:
        return None
    return chosen(asked, variant.locales, block.locale) if variant.locales else block.locale


def localized(variant: VariantDoc, locale: str | None) -> VariantDoc:
    """Return the variant as it is in one of its languages; itself in any other.

    A field that is not translated stays as it is.
    """
    found = variant.locales.get(locale) if locale is not None else None
    if found is None:
        return variant
    has_own = found.template is not None or found.liquid is not None
    return msgspec.structs.replace(
        variant,
        fields=variant.fields | found.fields,
        template=found.template if has_own else variant.template,
        liquid=found.liquid if has_own else variant.liquid,
        locales={},
    )


def every_form(variant: VariantDoc) -> list[VariantDoc]:
    """Return the variant and what it is in each of its languages."""
    return [variant, *(localized(variant, locale) for locale in variant.locales)]

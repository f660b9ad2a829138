"""What the editors' lists and pages say of blocks and variants."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.content.models import Variant
from apps.content.offers import size_of
from apps.content.services import content_digest


@dataclass(frozen=True, slots=True)
class State:
    """Where a draft stands: `level` is that of a badge, `words` are for people."""

    level: str
    words: str


def drafted_variants() -> QuerySet[Variant]:
    """Return the variants in use with all that tells whether their drafts have changed."""
    return (
        Variant.objects.filter(archived_at=None)
        .select_related("block__type", "theme")
        .prefetch_related("translations")
    )


def variant_state(variant: Variant) -> State:
    """Return where a variant's draft stands: never published, or its version and what changed."""
    if variant.version == 0:
        return State("info", "never published")
    words = f"version {variant.version} of {variant.published_at:%d %b %Y %H:%M}"
    if variant.digest != content_digest(variant):
        return State("warn", f"{words} · draft changed")
    return State("ok", words)


def tag_words(variant: Variant) -> list[str]:
    """Return the variant's segments with the size of each, as last counted."""
    return [f"{segment.name} ({size_of(segment)})" for segment in variant.segments.all()]


def reach_words(variant: Variant) -> str:
    """Return whom a variant is for, in words."""
    words = tag_words(variant)
    if variant.theme is not None:
        words.append(f"whom the theme {variant.theme.name} speaks to")
    if words:
        return "; ".join(words)
    return "everyone else" if variant.is_default else "nobody by tags; rules may serve it"


def block_state(variants: Iterable[Variant]) -> State:
    """Return when a block's newest version was published and how many drafts wait."""
    listed = list(variants)
    dates = [variant.published_at for variant in listed if variant.published_at is not None]
    waiting = sum(variant.digest != content_digest(variant) for variant in listed)
    if not dates:
        return State("info", "never published")
    words = f"{max(dates):%d %b %Y %H:%M}"
    return State("warn", f"{words} · {waiting} waiting") if waiting else State("ok", words)

"""The notice that a site shows now, in a language, and which older ones a yes still holds under."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.consent.built_in_notice import BUILT_IN
from apps.consent.models import NoticeVersion

_KEPT_VERSIONS = 50  # further back than any yes lasts, unless notices change every week


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """One version in one language, as published. `others` are the languages that it also has."""

    version: str
    language: str
    text: str
    text_sha256: str
    layout: dict[str, Any]
    controller: str
    contact: str
    purposes: list[str]
    recipients: list[str]
    retention: str
    withdrawal: str
    is_material: bool
    published_at: datetime
    others: tuple[str, ...]


def shown_to(
    site_id: UUID, language: str, *, fallbacks: Sequence[str] = (), version: str | None = None
) -> ShownNotice | None:
    """Return the latest version of the site's own, or the named one; None where there is none.

    In the best language: that is the language itself, then its parent ("de" for "de-AT"), then the
    fallbacks in their order, then whatever it was published in first. One or two queries.
    """
    notices = NoticeVersion.objects.filter(site_id=site_id)
    if version is None:
        own = notices.exclude(version=BUILT_IN).order_by("-published_at", "-pk")
        latest = own.values_list("version", flat=True).first()
        if latest is None:
            return None
        version = latest
    texts = list(notices.filter(version=version).order_by("published_at", "pk"))
    if not texts:
        return None
    found = _best(texts, [language, *fallbacks])
    return ShownNotice(
        version=found.version,
        language=found.language,
        text=found.text,
        text_sha256=found.text_sha256,
        layout=found.layout if isinstance(found.layout, dict) else {},
        controller=found.controller,
        contact=found.contact,
        purposes=[str(name) for name in found.purposes],
        recipients=[str(name) for name in found.recipients],
        retention=found.retention,
        withdrawal=found.withdrawal,
        is_material=found.is_material,
        published_at=found.published_at,
        others=tuple(text.language for text in texts if text.pk != found.pk),
    )


def lasting_versions(site_id: UUID) -> list[str]:
    """Return the versions under which a yes still holds, newest first. One query.

    These are the latest one that ended all yeses of before ("material"), and what came after it.
    """
    rows = (
        NoticeVersion.objects.filter(site_id=site_id)
        .exclude(version=BUILT_IN)
        .order_by("-published_at", "-pk")
        .values_list("version", "is_material")[:_KEPT_VERSIONS]
    )
    found: list[str] = []
    material: str | None = None
    for version, is_material in rows:
        if material is not None and version != material:
            break
        if version not in found:
            found.append(version)
        if is_material:
            material = version
    return found


def has_material_version(site_id: UUID) -> bool:
    """Tell whether any notice of a site ended the yeses of before it. One query."""
    return NoticeVersion.objects.filter(site_id=site_id, is_material=True).exists()


def _best(texts: Sequence[NoticeVersion], wanted: Sequence[str]) -> NoticeVersion:
    named = {text.language.lower(): text for text in reversed(texts)}
    for language in wanted:
        exact = language.strip().lower()
        for candidate in (exact, exact.partition("-")[0]):
            if candidate in named:
                return named[candidate]
    return texts[0]

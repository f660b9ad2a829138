"""The notice of a site that has published none: the banner works from the first day.

Its text becomes a row when somebody first chooses under it, so that the proof of their choice has
the exact words and their digest. Whoever changes the texts gives them a new name.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from apps.consent.models import NoticeVersion

BUILT_IN: Final = "built-in"
WRITTEN_AT: Final = datetime(2026, 11, 22, tzinfo=UTC)
TEXTS: Final[Mapping[str, str]] = {
    "en": "With your permission, this site counts what is looked at, and what you look at chooses "
    "what you are shown here. Until you answer, nothing is stored in your browser and nothing is "
    "sent about you. Refusing changes nothing about what you can do here, and you can change your "
    "mind at any time.",
    "de": "Mit Ihrer Erlaubnis zählt diese Seite, was angesehen wird, und was Sie ansehen, wählt "
    "aus, was Ihnen hier gezeigt wird. Bis Sie antworten, wird nichts in Ihrem Browser gespeichert "
    "und nichts über Sie gesendet. Ablehnen schränkt nichts ein, und Sie können sich jederzeit "
    "anders entscheiden.",
}


def language_of(*wanted: str) -> str:
    """Return the first of these languages that there is a text in ("de-AT" is German), or "en"."""
    plain = (one.partition("-")[0].strip().lower() for one in wanted)
    return next((one for one in plain if one in TEXTS), "en")


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, as notices carry it."""
    return hashlib.sha256(text.encode()).hexdigest()


def keep(site_id: UUID, language: str) -> NoticeVersion:
    """Return the row of the built-in text in a language; made for the first choice under it."""
    shown = language_of(language)
    text = TEXTS[shown]
    kept, _ = NoticeVersion.objects.get_or_create(
        site_id=site_id,
        version=BUILT_IN,
        language=shown,
        defaults={"text": text, "text_sha256": digest_of(text), "published_at": WRITTEN_AT},
    )
    return kept

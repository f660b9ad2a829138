"""People who are in segments, as many as a page counts aloud."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.profiles.models import Profile, ProfileState
from apps.studio.domain.coverage import WORD_BITS
from apps.work.ids import uuid7
from tests.apps.studio.conftest import NOW

DENIED = int(Purpose.PERSONALIZATION)


def people(
    site: Site,
    count: int,
    inside: Collection[int] = (),
    *,
    denied: int = 0,
    seen_at: datetime = NOW,
) -> list[UUID]:
    """Make people who are in the segments of these numbers; return their ids."""
    words = [0] * (max(inside, default=0) // WORD_BITS + 1)
    for number in inside:
        words[number // WORD_BITS] |= 1 << number % WORD_BITS
    made = [
        Profile(id=uuid7(), site=site, bucketing_key=f"u{at}", created_at=NOW)
        for at in range(count)
    ]
    Profile.objects.bulk_create(made)
    ProfileState.objects.bulk_create(
        ProfileState(
            profile=one, site_id=site.pk, unit_id=one.bucketing_key, version=1, denied=denied,
            inside=words, last_seen_at=seen_at,
        )
        for one in made
    )  # fmt: skip
    return [one.pk for one in made]

"""What the home page says of releases: what waits for the reader, and what went wrong."""

from collections.abc import Iterator
from uuid import UUID

from django.urls import reverse

from apps.decisions import release_reads
from apps.studio.types import Problem


def problems_of_releases(site_id: UUID, user_id: int, *, may_approve: bool) -> Iterator[Problem]:
    """Yield releases that failed, and how many wait for this person's approval. Two queries."""
    for release in release_reads.troubled(site_id):
        link = reverse("admin:release", args=[release.pk])
        yield Problem("bad", f"{release}: {release.trouble}", link=link, link_words="Look at it")
    waiting = release_reads.to_approve(site_id, user_id) if may_approve else 0
    if waiting:
        words = "A release waits" if waiting == 1 else f"{waiting} releases wait"
        link = reverse("admin:releases")
        yield Problem("info", f"{words} for your approval.", link=link, link_words="Releases")

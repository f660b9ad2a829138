"""What the content audit tells the home page."""

from collections.abc import Iterator
from uuid import UUID

from django.urls import reverse

from apps.decisions import findings
from apps.studio.domain.problems_content import of_audit
from apps.studio.types import Problem


def home_problems(site_id: UUID) -> Iterator[Problem]:
    """What is open at a site, in one line. One query."""
    return of_audit(findings.counts(site_id), reverse("admin:audit"))

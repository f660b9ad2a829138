"""A desk: requests received from people of a shop, and officers who decide them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User

from apps.access.models import Site
from apps.access.roles import PRIVACY_OFFICER, ensure_roles
from apps.privacy import carrying_out, requests
from apps.privacy.models.requests import Request, RequestEvent
from apps.work.models import Intent
from apps.work.performing import perform

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADA = ("email", "ada@example.com")


class Desk:
    """One site's desk at a time that the test moves."""

    def __init__(self, site: Site | None = None) -> None:
        self.now = NOW
        ensure_roles()
        self.site = site or Site.objects.create(
            key=f"shop-{uuid4().hex[:8]}", name="Shop", time_zone="Europe/Berlin", created_at=NOW
        )
        self.officer = self.staff("olivia")

    def staff(self, name: str, role: str = PRIVACY_OFFICER) -> User:
        user = User.objects.create_user(name, f"{name}@shop.example", "pw", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        return user

    def receive(self, kind: str = "access", **given: Any) -> Request:
        said: dict[str, Any] = {"names": [ADA], "contact": ADA[1], "route": "desk", **given}
        return requests.receive(site_id=self.site.pk, kind=kind, now=self.now, **said)

    def verified(self, kind: str = "access", **given: Any) -> Request:
        request = self.receive(kind, **given)
        return requests.verify(
            request_id=request.pk, how="officer", actor=self.officer, now=self.now
        )

    def approve(self, request: Request) -> Request:
        return requests.approve(request_id=request.pk, actor=self.officer, now=self.now)

    def carry_out(self, request: Request) -> Request:
        carrying_out.carry_out(request.pk, now=self.now)
        return self.again(request)

    def done(self, kind: str = "access", **given: Any) -> Request:
        return self.carry_out(self.approve(self.verified(kind, **given)))

    def again(self, request: Request) -> Request:
        return Request.objects.get(pk=request.pk)

    def log_of(self, request: Request) -> list[str]:
        rows = RequestEvent.objects.filter(request_id=request.pk).order_by("pk")
        return list(rows.values_list("kind", flat=True))

    def later(self, **lasts: int) -> None:
        self.now += timedelta(**lasts)

    def work(self) -> None:
        """Carry out every intent that waits, as a worker would."""
        for _ in range(50):
            due = Intent.objects.filter(state="waiting", run_after__lte=self.now)
            ids = list(due.values_list("pk", flat=True))
            if not ids:
                return
            for intent_id in ids:
                perform(intent_id, now=self.now)


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    return Desk()

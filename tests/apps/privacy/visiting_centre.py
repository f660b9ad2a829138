"""A visitor of a shop who uses the public privacy pages, as a browser without script does."""

import re
from typing import Any

from django.core import mail
from django.http import HttpResponse
from django.test import Client

from apps.privacy import tasks_mail  # noqa: F401  (registers who sends)
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.delivery.conftest import NOW, World


class Visitor:
    """Opens pages and presses buttons; `sk` and `pk` are the shop's keys."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = Client()
        self.home = f"/privacy/{world.site.key}"

    def link(self, key: str | None = None, **who: Any) -> str:
        """The path of a link to somebody's choices, made by the key's owner."""
        answer = self.world.post("/v1/consent/link", who, key=key or self.world.pk)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["url"]).partition("8000")[2]

    def token(self, **who: Any) -> str:
        return self.link(**who).partition("?k=")[2]

    def press(self, act: str, token: str, origin: str = "http://testserver", **fields: str) -> Any:
        """Send a form of the centre."""
        body = {"act": act, "k": token, **fields}
        return self.client.post(self.home, body, headers={"Origin": origin})

    def state(self, **who: str) -> dict[str, bool]:
        """What is recorded for somebody, by purpose."""
        headers = {"Authorization": f"Bearer {self.world.sk}"}
        answer = self.client.get("/v1/consent", who, headers=headers)
        return dict(answer.json()["recorded"])


def sent_mails() -> list[Any]:
    """Carry out what waits to be sent, and return all that was sent."""
    for intent in Intent.objects.filter(kind="privacy.send_message", state="waiting"):
        perform(intent.pk, now=NOW)
    return list(getattr(mail, "outbox", []))


def link_in(text: str) -> str:
    """The path of the one link in a message."""
    (found,) = re.findall(r"https?://[^/\s]+(/\S+)", text)
    return str(found)


def assert_leaves_nothing(response: HttpResponse) -> None:
    """A public page sets no cookie, may not be kept, and lets nothing of others in."""
    assert response.cookies == {}
    assert response["Cache-Control"] == "no-store"
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy

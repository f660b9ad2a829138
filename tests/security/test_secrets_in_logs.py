"""What nobody may read in a log: passwords, keys, codes, tokens, and what visitors told."""

import json
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client

from apps.access import second_factor, services
from apps.access.models import Site
from apps.work import clock
from config.logging import JsonFormatter, LineFormatter
from tests.apps.delivery.conftest import World, world  # noqa: F401 - a fixture

MARKER = "marker-7f3a9"


def written(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged, as both formats write it."""
    formats = (LineFormatter(), JsonFormatter())
    return "\n".join(form.format(record) for record in caplog.records for form in formats)


def test_signing_in_logs_neither_password_nor_name_nor_code(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    user = User.objects.create_superuser(f"ada-{MARKER}", password=f"right-{MARKER}")
    client = Client()
    with caplog.at_level(logging.DEBUG):
        for password in (f"wrong-{MARKER}", f"right-{MARKER}"):
            form = {"username": user.username, "password": password}
            client.post(f"/admin/login/?next=/{MARKER}", form)
        client.get("/admin/second-factor/")
        client.post("/admin/second-factor/", {"code": MARKER})
    secret = second_factor.begin(user).bin_key
    text = written(caplog)
    assert "access.sign_in_failed" in text and "access.signed_in" in text
    assert MARKER not in text
    assert (
        secret.hex() not in text and second_factor.typed_key(second_factor.begin(user)) not in text
    )


def test_issuing_a_key_logs_no_key(db: None, caplog: pytest.LogCaptureFixture) -> None:
    site = services.create_site(key="shop", name="Shop", now=clock.now())
    source = services.create_source(site_id=site.pk, name="web", now=clock.now())
    with caplog.at_level(logging.DEBUG):
        _, secret = services.issue_key(source_id=source.pk, kind="sk", now=clock.now())
        Client().get("/v1/segments", headers={"Authorization": f"Bearer {secret}"})
        Client().get("/v1/segments", {"writeKey": secret})
    text = written(caplog)
    assert secret not in text and source.proof_secret not in text
    kept = json.dumps(list(Site.objects.get().audit_entries.values("detail")))
    assert secret not in kept and source.proof_secret not in kept


@pytest.mark.parametrize(
    "body",
    [
        {"batch": [{"type": "track", "event": MARKER, "userId": MARKER, "messageId": "1"}]},
        {"batch": [{"type": "identify", "userId": MARKER, "traits": {"email": MARKER}}]},
        {"batch": [{"type": "identify", "userId": f"\0{MARKER}", "traits": {"a": f"\0{MARKER}"}}]},
        {"batch": f"no list: {MARKER}"},
    ],
    ids=["event", "traits", "letters that Postgres refuses", "no batch"],
)
def test_what_a_visitor_sends_is_not_logged(
    world: World,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
    body: dict[str, Any],
) -> None:
    with caplog.at_level(logging.DEBUG):
        world.post("/v1/batch", body, key=world.sk)
    ours = [one for one in caplog.records if not one.name.startswith("django.db.backends")]
    assert MARKER not in "\n".join(JsonFormatter().format(one) for one in ours)


def test_an_error_of_the_database_is_logged_without_the_values(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    services.create_site(key=MARKER, name="Shop", now=clock.now())
    logger = logging.getLogger("apps.test")
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO access_site SELECT * FROM access_site WHERE key = %s", [MARKER]
            )
    except DatabaseError:
        logger.exception("test.failed")
    assert "test.failed" in written(caplog)
    assert MARKER not in written(caplog)

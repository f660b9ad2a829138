"""Calls that make something, sent again under their Idempotency-Key, as a client retries them."""

from typing import Any

from apps.consent.models import ConsentEvent
from apps.segments import lists
from apps.segments.models import ListUpload
from tests.apps.delivery.conftest import NOW, World, _new_process, world  # noqa: F401


def test_a_choice_and_a_file_that_are_sent_again_count_once(world: World) -> None:  # noqa: F811
    choice = {"anonymousId": "a1", "purposes": {"analytics": True}}
    lists.create_list(site_id=world.site.pk, key="press", name="Press", actor=None, now=NOW)
    uploads = "/v1/lists/press/uploads"

    def sent(path: str, body: Any, kind: str, key: str) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "0b9f1d7e"}
        return world.client.post(path, body, content_type=kind, headers=headers)

    calls = [
        ("/v1/consent", choice, "application/json", world.pk),
        (uploads, b"user_id\nu1\n", "text/csv", world.sk),
    ]
    for call in calls:
        first, again = sent(*call), sent(*call)
        assert first.status_code == again.status_code == 200, first.content
        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"
        assert again["RateLimit-Policy"]
    assert ConsentEvent.objects.count() == 1
    assert ListUpload.objects.count() == 1

    other = sent(uploads, b"user_id\nu2\n", "text/csv", world.sk)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

"""Two editors publish at the same time: one after the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from apps.access import services as access
from apps.content import services as content
from apps.decisions import parts, services
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from tests.apps.decisions.drafts_shop import Drafts
from tests.apps.delivery.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("published_before", [0, 1])
def test_publications_that_meet_get_two_numbers(published_before: int) -> None:
    site_id = access.create_site(key="shop", name="Shop", now=NOW).pk
    block = content.create_block(site_id=site_id, key="hero")
    content.create_variant(block=block, key="all", is_default=True, template="<p>Hi</p>")
    content.create_placement(site_id=site_id, key="home", block=block)
    for _ in range(published_before):
        services.publish(site_id=site_id, actor=None, now=NOW)
        content.update_placement(site_id=site_id, key="home", is_enabled=False)
    errors: list[Exception] = []
    other = threading.Thread(target=_publish, args=(site_id, errors))

    with transaction.atomic():
        services.publish(site_id=site_id, actor=None, now=NOW)
        other.start()
        other.join(timeout=0.5)  # waits for our commit
    other.join()

    assert errors == []
    # The other found nothing left to publish.
    assert Publication.objects.count() == published_before + 1


def test_two_who_publish_different_things_at_once_both_get_their_way() -> None:
    drafts = Drafts(access.create_site(key="shop", name="Shop", now=NOW))
    site_id = drafts.site.pk
    services.publish(site_id=site_id, actor=None, now=NOW)
    drafts.change(drafts.tagged, fields={"headline": "New"})
    drafts.change(drafts.place, is_enabled=False)
    parts.refresh_parts(site_id)
    [hero, place] = [
        {(row.kind, row.key): row.digest} for row in parts.waiting(site_id) if row.is_listed
    ]
    errors: list[Exception] = []
    other = threading.Thread(target=_publish, args=(site_id, errors), kwargs={"only": place})

    with transaction.atomic():
        services.publish(site_id=site_id, actor=None, now=NOW, only=hero)
        other.start()
        other.join(timeout=0.5)  # waits for our commit
    other.join()

    assert errors == []
    document = publication_document(site_id)
    assert document is not None
    assert document.number == 3
    assert not document.placements[0].enabled
    assert parts.waiting(site_id) == []


def test_a_page_does_not_wait_for_somebody_who_publishes() -> None:
    drafts = Drafts(access.create_site(key="shop", name="Shop", now=NOW))
    site_id = drafts.site.pk
    services.publish(site_id=site_id, actor=None, now=NOW)
    found: list[object] = []

    def look() -> None:
        with _own_connection():
            found.append(parts.refresh_parts(site_id, is_patient=False))

    drafts.change(drafts.tagged, fields={"headline": "New"})
    with transaction.atomic():
        services.publish(site_id=site_id, actor=None, now=NOW)
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert found == [None]
    look_again = threading.Thread(target=look)
    look_again.start()
    look_again.join()
    assert found == [None, 0]


def _publish(site_id: UUID, errors: list[Exception], **more: Any) -> None:
    with _own_connection():
        try:
            services.publish(site_id=site_id, actor=None, now=NOW, **more)
        except Exception as error:
            errors.append(error)


@contextmanager
def _own_connection() -> Iterator[None]:
    try:
        yield
    finally:
        connection.close()

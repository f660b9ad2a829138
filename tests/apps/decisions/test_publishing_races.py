"""Two editors publish at the same time: one after the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import connection, transaction

from apps.access import services as access
from apps.content import services as content
from apps.decisions import services
from apps.decisions.models import Publication
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


def _publish(site_id: UUID, errors: list[Exception]) -> None:
    with _own_connection():
        try:
            services.publish(site_id=site_id, actor=None, now=NOW)
        except Exception as error:
            errors.append(error)


@contextmanager
def _own_connection() -> Iterator[None]:
    try:
        yield
    finally:
        connection.close()

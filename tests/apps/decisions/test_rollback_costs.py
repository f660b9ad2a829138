"""Bringing back an earlier publication asks as much for many changed things as for a few."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import services as access
from apps.content import services as content
from apps.decisions import parts, releases
from apps.decisions.publishing import rollback
from tests.apps.decisions.drafts_shop import Drafts, publish
from tests.apps.delivery.conftest import NOW


def _queries(blocks: int) -> int:
    """Statements of bringing back a release of so many blocks, after all of them were changed."""
    drafts = Drafts(access.create_site(key=f"shop-{blocks}", name="Shop", now=NOW))
    publish(drafts.site)
    site_id = drafts.site.pk
    actor = User.objects.create_user(f"anna-{blocks}")
    made = []
    for number in range(blocks):
        block = content.create_block(
            site_id=site_id, key=f"b{number}", schema=[{"name": "headline", "type": "string"}]
        )
        made.append(
            content.create_variant(
                block=block, key="all", is_default=True, fields={"headline": "a"}
            )
        )
    parts.refresh_parts(site_id)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(site_id)}
    release = releases.create_release(site_id=site_id, name="All", only=only, actor=actor, now=NOW)
    releases.submit(release_id=release.pk, actor=actor, now=NOW)
    released = releases.publish_release(release_id=release.pk, actor=actor, now=NOW)
    for variant in made:
        drafts.change(variant, fields={"headline": "b"})
    publish(drafts.site)
    with CaptureQueriesContext(connection) as asked:
        rollback(site_id=site_id, number=released.number, actor=actor, now=NOW)
        parts.refresh_parts(site_id)
    return len(asked)


@pytest.mark.django_db
def test_many_changed_things_are_brought_back_with_as_many_queries_as_a_few() -> None:
    assert _queries(30) == _queries(3)

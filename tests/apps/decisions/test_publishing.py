"""Publishing freezes drafts as numbered snapshots, or refuses with every reason."""

from datetime import timedelta

import pytest

from apps.access import services as access
from apps.access.models import AuditEntry
from apps.content import services as content
from apps.decisions import retention, services
from apps.decisions.errors import PublicationRefused, UnknownPublication
from apps.decisions.models import DecisionRecord, Publication
from apps.profiles import holders
from apps.segments import services as segments
from apps.work.models import ChangeFeed
from tests.apps.delivery.conftest import LAST_VIEWED, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return access.create_site(key="shop", name="Shop", now=NOW)


def add_hero(site, *, segment_keys=()):
    block = content.create_block(site_id=site.pk, key="hero")
    content.create_variant(block=block, key="all", is_default=True, template="<p>Hi</p>")
    if segment_keys:
        content.create_variant(block=block, key="some", segment_keys=segment_keys)
    content.create_placement(site_id=site.pk, key="home", block=block)
    return block


def publish(site, **more):
    return services.publish(site_id=site.pk, actor=None, now=NOW, **more)


def test_numbers_rise_and_an_unchanged_draft_is_not_published_twice(site):
    add_hero(site)
    first = publish(site, note="first")
    assert (first.number, first.note) == (1, "first")
    assert publish(site).pk == first.pk
    content.update_placement(site_id=site.pk, key="home", is_enabled=False)
    assert publish(site).number == 2
    assert Publication.objects.count() == 2
    assert ChangeFeed.objects.filter(kind="content.published").count() == 2
    assert AuditEntry.objects.filter(action="decisions.published").count() == 2


def test_a_variant_tagged_with_an_unpublished_segment_is_refused_by_name(site):
    segments.create_segment(site_id=site.pk, key="vip", name="VIP", condition=LAST_VIEWED, now=NOW)
    add_hero(site, segment_keys=["vip"])
    with pytest.raises(PublicationRefused) as refused:
        publish(site)
    assert refused.value.errors[0]["pointer"] == "/blocks/hero/variants/some"
    assert "hero / some" in str(refused.value)
    assert not Publication.objects.exists()


def test_a_block_without_a_default_is_refused(site):
    block = content.create_block(site_id=site.pk, key="hero")
    content.create_placement(site_id=site.pk, key="home", block=block)
    with pytest.raises(PublicationRefused) as refused:
        publish(site)
    assert refused.value.errors[0]["code"] == "default_missing"


def test_bringing_back_what_never_was_is_refused(site):
    add_hero(site)
    publish(site)
    with pytest.raises(UnknownPublication):
        services.rollback(site_id=site.pk, number=7, actor=None, now=NOW)


def test_sites_publish_apart(site):
    other = access.create_site(key="other", name="Other", now=NOW)
    add_hero(site)
    publish(site)
    add_hero(other)
    assert publish(other).number == 1
    with pytest.raises(UnknownPublication):
        services.rollback(site_id=other.pk, number=2, actor=None, now=NOW)


def test_old_decisions_are_forgotten_and_erasure_leaves_nobody_in_the_log(site):
    profile_id = site.pk
    common = {
        "site_id": site.pk, "source_id": site.pk, "profile_id": profile_id, "snapshot": 1,
        "placements": [], "facts": {"segments": [1]}, "took_us": 1,
    }  # fmt: skip
    DecisionRecord.objects.create(request_id="req_old", at=NOW - timedelta(days=91), **common)
    DecisionRecord.objects.create(request_id="req_new", at=NOW, **common)
    assert retention.prune_records(NOW) == 1
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    assert [one["requestId"] for one in holder.export(profile_id)] == ["req_new"]
    assert holder.erase(profile_id) == 1
    kept = DecisionRecord.objects.get(site_id=site.pk)
    assert (kept.profile_id, kept.facts) == (None, {})

"""A site whose segments tests make, publish, change and restore."""

import pytest

from apps.access.models import Site
from apps.segments import services, versions
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.refresh import refresh_site
from tests.apps.segments.world import NOW, make_profile, make_site

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
OLD = {"kind": "trait", "name": "age", "op": "gte", "value": 65}


def where(node: object) -> dict[str, object]:
    return {"v": 1, "where": node}


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def people(site: Site) -> list[object]:
    """Three with plan pro, two of them old; one old only."""
    return [
        make_profile(site, traits={"plan": "pro"}),
        make_profile(site, traits={"plan": "pro", "age": 70}),
        make_profile(site, traits={"plan": "pro", "age": 65}),
        make_profile(site, traits={"age": 80}),
    ]


def make(site: Site, key: str = "vip", node: object = PRO, **fields: object) -> Segment:
    return services.create_segment(
        site_id=site.pk, key=key, name=key.title(), condition=where(node), now=NOW, **fields
    )


def publish(segment: Segment, note: str = "", *, refresh: bool = True) -> SegmentVersion:
    version = services.publish_segment(
        site_id=segment.site_id, segment_id=segment.pk, actor=None, now=NOW, note=note
    )
    if refresh:
        refreshed(segment)
    return version


def refreshed(segment: Segment) -> None:
    refresh_site(site_id=segment.site_id, read_clock=lambda: NOW)
    versions.record_publications(segment.site_id)


def change(segment: Segment, node: object, policy: dict[str, object] | None = None) -> None:
    services.change_draft(
        site_id=segment.site_id, segment_id=segment.pk, condition=where(node), policy=policy,
        now=NOW, actor=None,
    )  # fmt: skip


def restore(segment: Segment, number: int, note: str = "The new one was wrong.") -> SegmentVersion:
    return services.restore_version(
        site_id=segment.site_id, segment_id=segment.pk, number=number, actor=None, note=note,
        now=NOW,
    )  # fmt: skip


def members(segment: Segment) -> set[object]:
    rows = Membership.objects.filter(segment=segment, left_at=None)
    return set(rows.values_list("profile_id", flat=True))

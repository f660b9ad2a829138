"""Notices of other apps that segments answer."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.segments.models import LiveSet, SegmentVersion
from apps.segments.publication_checks import with_policy
from apps.segments.selectors import in_force
from apps.segments.services import request_refresh
from apps.work import clock
from engine.conditions.policy import NO_POLICY
from engine.conditions.scope import reads_site_zone


def follow_time_zone(instance: Any, **_: Any) -> None:
    """A site was saved. In another time zone days begin at other times: ask everything again."""
    with transaction.atomic():
        moved = (
            LiveSet.objects.filter(site_id=instance.pk)
            .exclude(time_zone=instance.time_zone)
            .update(number=F("number") + 1, time_zone=instance.time_zone)
        )
        if moved:
            _make_fresh(instance.pk)
            request_refresh(instance.pk, now=clock.now())


def _make_fresh(site_id: UUID) -> None:
    """Have the refresh ask segments with days anew of everybody, as it does new versions.

    Who is in today and stays in may leave at another time than it says in the state row.
    """
    nodes, policies = in_force(site_id)
    keys = [
        key
        for key, node in nodes.items()
        if reads_site_zone(with_policy(node, policies.get(key, NO_POLICY)))
    ]
    SegmentVersion.objects.filter(
        segment__site_id=site_id, segment__key__in=keys, state=SegmentVersion.State.LIVE
    ).update(refreshed_at=None)

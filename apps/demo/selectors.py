"""Reads of what the demo has loaded."""

from uuid import UUID

from apps.access.selectors import newest_key
from apps.demo.models import DemoRun


def latest_run(name: str) -> DemoRun | None:
    """Return the newest finished load of this name, or into the site of this key. One query."""
    finished = DemoRun.objects.filter(finished_at__isnull=False).select_related("site")
    by_name = finished.filter(name=name).order_by("-created_at").first()
    return by_name or finished.filter(site__key=name).first()


def shop_site_id() -> UUID | None:
    """Return the site that the shop shows, the one loaded last. One query."""
    run = DemoRun.objects.filter(finished_at__isnull=False).order_by("-created_at").first()
    return None if run is None else run.site_id


def shop_key() -> str | None:
    """Return the publishable key with which the shop speaks for the site loaded last.

    None when no load has finished yet, or when every such key has been revoked. Two queries.
    """
    run = DemoRun.objects.filter(finished_at__isnull=False).order_by("-created_at").first()
    key = newest_key(run.shop_source_id, "pk") if run is not None else None
    return None if key is None else key.public_value

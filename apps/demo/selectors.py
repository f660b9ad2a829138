"""Reads of what the demo has loaded."""

from apps.demo.models import DemoRun


def latest_run(name: str) -> DemoRun | None:
    """Return the newest finished load of this name, or into the site of this key. One query."""
    finished = DemoRun.objects.filter(finished_at__isnull=False).select_related("site")
    by_name = finished.filter(name=name).order_by("-created_at").first()
    return by_name or finished.filter(site__key=name).first()


def shop_key() -> str | None:
    """Return the publishable key with which the shop speaks for the site loaded last.

    None when no load has finished yet, or when every such key has been revoked. Two queries.
    """
    run = (
        DemoRun.objects.filter(finished_at__isnull=False)
        .select_related("shop_source")
        .order_by("-created_at")
        .first()
    )
    if run is None:
        return None
    keys = run.shop_source.api_keys.filter(kind="pk", revoked_at=None, expires_at=None)
    return keys.order_by("-created_at").values_list("public_value", flat=True).first()

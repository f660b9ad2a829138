"""Recompute the members of all segments, here and now."""

from argparse import ArgumentParser
from datetime import datetime

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from apps.segments.models import LiveSet
from apps.segments.services import refresh_changed, refresh_site


class Command(BaseCommand):
    """`refresh_segments [--site KEY] [--received-since INSTANT]`.

    Without an instant, what the scheduled task does, without waiting for it. With one, a repair
    after events were written past the consumer (by hand, from another database): only the profiles
    that received events since are looked at, for a part of the price.
    """

    help = "Recompute the members of every segment: of one site, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites without it")
        parser.add_argument(
            "--received-since",
            type=_instant,
            metavar="INSTANT",
            help="only profiles with events received since, such as 2026-03-01T12:00:00Z",
        )

    def handle(self, *args: object, **options: object) -> None:
        sites = LiveSet.objects.select_related("site").order_by("site__key")
        if options["site"] is not None:
            sites = sites.filter(site__key=options["site"])
            if not sites:
                raise CommandError(f"No site '{options['site']}' with segments.")
        since = options["received_since"]
        for live_set in sites:
            if isinstance(since, datetime):
                done = refresh_changed(site_id=live_set.site_id, since=since)
            else:
                done = refresh_site(site_id=live_set.site_id)
            self.stdout.write(
                f"{live_set.site.key}: {done.profiles} profiles asked, {done.evaluated} evaluated, "
                f"{done.entered} entered, {done.left} left, "
                f"{done.promoted} versions went live, {done.took_ms} ms"
            )


def _instant(text: str) -> datetime:
    found = parse_datetime(text)
    if found is None or found.tzinfo is None:
        raise CommandError(f"'{text}' is no instant with a time zone, like 2026-03-01T12:00:00Z.")
    return found

"""Recompute the members of all segments, here and now."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from apps.segments.models import LiveSet
from apps.segments.services import refresh_site


class Command(BaseCommand):
    """`refresh_segments [--site KEY]`: what the scheduled task does, without waiting for it."""

    help = "Recompute the members of every segment: of one site, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites without it")

    def handle(self, *args: object, **options: object) -> None:
        sites = LiveSet.objects.select_related("site").order_by("site__key")
        if options["site"] is not None:
            sites = sites.filter(site__key=options["site"])
            if not sites:
                raise CommandError(f"No site '{options['site']}' with segments.")
        for live_set in sites:
            done = refresh_site(site_id=live_set.site_id)
            self.stdout.write(
                f"{live_set.site.key}: {done.profiles} profiles asked, {done.evaluated} evaluated, "
                f"{done.entered} entered, {done.left} left, "
                f"{done.promoted} versions went live, {done.took_ms} ms"
            )

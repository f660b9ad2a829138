"""manage.py list_clicks: how recommended lists are clicked, by place and by method."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.models import Site
from apps.insights import list_clicks
from apps.recommendations import positions
from apps.work import clock


class Command(BaseCommand):
    help = (
        "Counts clicks in the recommended lists of a site that were seen: how often each place is"
        " looked at, and how often each method is clicked, as if all its items had stood first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, help="The site's public id.")
        parser.add_argument("--days", type=int, default=14, help="How far back; 14 by default.")
        parser.add_argument(
            "--event", default="Product Viewed", help="What a click on an item leads to."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(key=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site “{options['site']}”.")
        if not 1 <= options["days"] <= 365:
            raise CommandError("--days: from 1 to 365.")
        now = clock.now()
        since = now - timedelta(days=options["days"])
        found = list_clicks.count(site.pk, event=options["event"], since=since, until=now)
        looked_at, is_measured = found.looked_at()
        shown = sum(found.explored.shown.values())
        self.stdout.write(f"{found.lists} lists were seen in {options['days']} days.")
        if found.since is not None:
            most = list_clicks.MOST_RECORDS
            self.stdout.write(
                f"Of the newest {most:,} decisions, since {found.since:%Y-%m-%d %H:%M}."
            )
        how = "measured on" if is_measured else "assumed as 1 / log2(1 + place): only"
        self.stdout.write(f"How often a place is looked at, {how} {shown} explored items:")
        for place, share in enumerate(looked_at, start=1):
            self.stdout.write(f"  {place:3d}  {share:.3f}")
        self.stdout.write("Clicks a showing, as counted and as if all had stood first:")
        for method, own in sorted(found.methods.items()):
            total = sum(own.shown.values())
            rate = positions.weighted_rate(own.shown, own.clicked, looked_at)
            plain = sum(own.clicked.values()) / total if total else 0.0
            self.stdout.write(f"  {method:12s} {total:9d}  {plain:.4f}  {rate or 0.0:.4f}")

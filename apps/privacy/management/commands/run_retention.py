"""Removes what has been kept long enough, and says what; the schedule does the same every night."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.models import Site
from apps.privacy import retention
from apps.privacy.models import RetentionRun
from apps.work import clock


class Command(BaseCommand):
    """`run_retention [--dry-run] [--only KIND]`: exit status 1 when a kind failed."""

    help = "Remove data of every kind whose time is over. --dry-run counts it and removes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and to which kinds."""
        keys = [kind.key for kind in retention.kinds()]
        parser.add_argument("--dry-run", action="store_true", help="count, and remove nothing")
        parser.add_argument("--only", choices=keys, action="append", help="this kind; repeatable")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, with a line for each kind and site."""
        names = dict(Site.objects.values_list("pk", "key"))
        is_dry, failed = options["dry_run"], 0
        for one in retention.run(now=clock.now(), only=options["only"] or (), is_dry=is_dry):
            failed += one.state == RetentionRun.State.FAILED
            where = names.get(one.site_id, "all sites") if one.site_id else "all sites"
            done = f"{one.removed.rows:,} {'would go' if is_dry else 'gone'}"
            if one.removed.partitions:
                done += f", {one.removed.partitions} months as a whole"
            if one.problem:
                done = f"FAILED ({one.problem}; see the log)"
            left = "nothing" if one.oldest_left is None else f"{one.oldest_left:%Y-%m-%d}"
            self.stdout.write(
                f"{one.kind.title}, {where}: kept {one.days} days, {done}, oldest left {left}"
            )
        if failed:
            raise CommandError(f"{failed} kinds failed.", returncode=1)

"""manage.py backup DIR: the database, the keys and the erasure ledger, each by itself."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from apps.privacy import backups
from apps.privacy.postgres_tools import ToolFailed
from apps.work import clock


class Command(BaseCommand):
    """Run it from cron, daily; with --keys-only as often as you like."""

    help = "Write an encrypted backup into a directory and delete those that are too old."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and for how long."""
        parser.add_argument("directory", type=Path)
        parser.add_argument("--keep-days", type=int, default=backups.MOST_DAYS)
        parser.add_argument(
            "--keys-only", action="store_true",
            help="only replace the copies of the keys and of the erasure ledger",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what was written, and what was deleted."""
        place: Path = options["directory"].absolute()
        try:
            if options["keys_only"]:
                backups.keep_keys(place)
                self.stdout.write(f"The keys and the ledger in {place} are today's.")
                return
            made = backups.make(place, now=clock.now(), keep_days=options["keep_days"])
        except (ToolFailed, ValueError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{made.path}: {made.size:,} bytes.")
        if made.deleted:
            self.stdout.write(f"Deleted, too old: {', '.join(made.deleted)}.")

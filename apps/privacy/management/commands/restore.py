"""manage.py restore DIR: a backup in the place of everything that the database holds."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from apps.privacy import backups
from apps.privacy.backups import CannotRestore
from apps.privacy.postgres_tools import ToolFailed
from apps.work import clock


class Command(BaseCommand):
    """Nothing may run meanwhile; afterwards nothing serves until erasures have been replayed."""

    help = (
        "Replace everything in the database by a backup, with today's keys. Stop all processes"
        " first; run `migrate` and `replay_erasures` afterwards."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Where from; the newest backup unless one is named."""
        parser.add_argument("directory", type=Path)
        parser.add_argument("--backup", help="name of a file in data/; the newest without it")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, restore, and say what comes next."""
        place: Path = options["directory"].absolute()
        try:
            path = place / "data" / options["backup"] if options["backup"] else None
            path = path or backups.newest(place)
            question = f"Replace everything in the database by {path.name}? Type yes: "
            if not options["yes"] and input(question) != "yes":
                raise CommandError("Nothing was changed.")
            found = backups.restore(place, path, now=clock.now())
        except (CannotRestore, ToolFailed, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Restored as of {found.made_at:%Y-%m-%d %H:%M} UTC, {found.keys:,} keys."
        )
        self.stdout.write("Next: manage.py migrate")
        if found.to_replay:
            self.stdout.write(
                f"Then: manage.py replay_erasures. {found.to_replay:,} people were erased since;"
                " nothing serves before."
            )

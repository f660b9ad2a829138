"""manage.py rotate_keys: wrap the keys of encrypted values by the first master key."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from apps.decisions import services as decisions
from apps.profiles import vault


class Command(BaseCommand):
    """Wraps keys, not values: so it is quick, and nothing stands still meanwhile."""

    help = (
        "Wrap every subject's key by the first key of MASTER_KEYS. Both master keys must be given"
        " to every process while it runs; afterwards the old one can be taken out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How many keys are held at once."""
        parser.add_argument("--batch", type=int, default=500, help="keys in one transaction")
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until no key is left that another master key wraps."""
        waiting = vault.waiting_for_rewrap()
        if options["dry_run"]:
            self.stdout.write(f"{waiting:,} keys are wrapped by another master key.")
            return
        total = 0
        try:
            while vault.waiting_for_rewrap():
                total += vault.rewrap(options["batch"])
        except LookupError as error:
            raise CommandError(str(error)) from None
        if total:
            # Copies in Redis carry keys as they were wrapped before: they are made anew.
            decisions.forget_copies()
        self.stdout.write(
            f"{total:,} keys wrapped anew. The old master key is not needed any more."
        )

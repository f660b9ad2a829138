"""manage.py replay_erasures: erase again whom a restored backup has brought back."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from apps.access.models import Site
from apps.privacy import replaying
from apps.work import clock, holding_back


class Command(BaseCommand):
    """Until it is done, web, consumer and workers do nothing. It may be broken off and repeated."""

    help = "Carry out the erasures of the ledger that the database does not know of."

    def add_arguments(self, parser: CommandParser) -> None:
        """Only look, or do it."""
        parser.add_argument("--dry-run", action="store_true", help="only say what there is to do")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line for each erasure; none of them names anybody."""
        found = replaying.waiting(clock.now())
        if not found:
            self.stdout.write("The database knows of every erasure: nothing to replay.")
            return
        sites = dict(Site.objects.values_list("pk", "key"))
        failed = 0
        for one in found:
            entry = one.entry
            line = f"{sites[entry.site_id]} {entry.erased_at:%Y-%m-%d %H:%M} {entry.erasure_id}"
            if options["dry_run"]:
                self.stdout.write(f"{line}: {one.profiles} profiles are back")
                continue
            try:
                erased = replaying.replay(entry, now=clock.now())
            except Exception as error:  # the others first; its text may name somebody
                failed += 1
                self.stderr.write(f"{line}: {type(error).__name__}")
            else:
                self.stdout.write(f"{line}: {erased} profiles erased again")
        if failed:
            raise CommandError(f"{failed} of {len(found)} could not be replayed: run it again.")
        if not options["dry_run"]:
            self.stdout.write(holding_back.look() or "Done. Everything serves again.")

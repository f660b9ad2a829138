"""Import traits that another system tells of people who are known here."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apps.access import selectors as access
from apps.integrations.social import Basis, InvalidRows, rows_in, take
from apps.work import clock


class Command(BaseCommand):
    """`import_traits FILE --source linkedin --confidence 0.7 --basis consent --notice v3`."""

    help = "Import traits of known people from a .csv or .jsonl file: user_id or email, traits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="where they are from: linkedin")
        parser.add_argument("--confidence", type=float, required=True, help="how sure, 0 to 1")
        parser.add_argument("--basis", choices=["consent"], help="on what they are taken")
        parser.add_argument("--notice", help="version of the notice under which people agreed")
        parser.add_argument("--site", help="key of the site, where there are several")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["basis"] is None or not options["notice"]:
            raise CommandError(
                "Say on what basis: --basis consent --notice VERSION, the version of the notice "
                "under which these people agreed that this is known of them. Nothing was imported."
            )
        if options["site"] is None:
            site_id = access.only_site()
        else:
            site = access.find_site(options["site"])
            site_id = None if site is None else site.pk
        if site_id is None:
            raise CommandError("Say which site: --site KEY.")
        basis = Basis(options["source"], options["confidence"], options["notice"])
        try:
            with transaction.atomic():
                done = take(site_id, rows_in(options["file"]), basis, now=clock.now())
        except (InvalidRows, OSError) as error:
            raise CommandError(f"{error} Nothing was imported.") from None
        self.stdout.write(
            f"{done.taken} taken, {done.duplicates} known before, {done.without_consent} without "
            f"consent, {done.unknown} of people who are not here."
        )
        for reason, count in sorted(done.refused.items()):
            self.stdout.write(f"{count} refused: {reason}")
        if done.refused:
            raise CommandError("Not all rows could be taken.")

"""manage.py encrypt_traits: bring stored traits under the kinds that they have now."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from apps.access.models import Site
from apps.privacy.trait_encryption import encrypt_site


class Command(BaseCommand):
    """Encrypts what was stored in clear before, and opens what is no identifier any more."""

    help = (
        "Encrypt the identifiers and sensitive traits that were stored before they were marked."
        " It may be stopped and begun again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One site, or all."""
        parser.add_argument("--site", help="key of one site; all of them without it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the sites one after the other."""
        sites = Site.objects.order_by("key")
        if options["site"]:
            sites = sites.filter(key=options["site"])
            if not sites:
                raise CommandError(f"There is no site {options['site']}.")
        for site in sites:
            done = encrypt_site(site.pk, self._told)
            self.stdout.write(
                f"{site.key}: {done.people:,} people, {done.events:,} events and"
                f" {done.entries:,} list entries brought up to date."
            )

    def _told(self, done: int, total: int, what: str) -> None:
        if self.verbosity > 1:
            self.stdout.write(f"{done:,} of {total:,} {what}")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Keep how much is to be told."""
        self.verbosity = options["verbosity"]
        return super().execute(*args, **options)

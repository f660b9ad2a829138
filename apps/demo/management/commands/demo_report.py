"""`demo_report`: what the newest load of a demo has shown."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.demo import report
from apps.demo.seeding import SITE_KEY
from apps.demo.selectors import latest_run


class Command(BaseCommand):
    """Reads only."""

    help = "Print the report of the newest finished demo_load of a name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the site's name and --json."""
        parser.add_argument("--site", default=SITE_KEY, metavar="NAME")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        run = latest_run(options["site"])
        if run is None:
            raise CommandError(f"No demo by the name '{options['site']}' has been loaded.")
        if options["json"]:
            self.stdout.write(json.dumps({"site": run.site.key, **run.report}))
        else:
            self.stdout.write(report.table(run.report, site=run.site.key))

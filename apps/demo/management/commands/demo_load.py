"""`demo_load`: click files through the public API of the running stack, and what came of it."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from apps.demo import clicks, report
from apps.demo.errors import DemoTrouble
from apps.demo.run import Wanted, load_demo
from apps.demo.seeding import SITE_KEY

LONGEST_NAME = 50
NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")


def site_name(text: str) -> str:
    """Read a site's name: it becomes the site's key, a number may be added to it."""
    name = text.lower()
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise ArgumentTypeError(f"words joined by hyphens, at most {LONGEST_NAME} characters")
    return name


def session_count(text: str) -> int | None:
    """Read a number of sessions; None is all of them."""
    if text == "all":
        return None
    if not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError("a positive number, or all")
    return int(text)


class Command(BaseCommand):
    """Repeatable: what is loaded already is not loaded again."""

    help = (
        "Load click files into a demo site through the public API of the running stack: learn from"
        " the clicks before a date, replay the sessions after it, and report what was right."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the site's name, the files, the date and the number of sessions."""
        parser.add_argument("--site", type=site_name, default=SITE_KEY, metavar="NAME")
        parser.add_argument(
            "--clicks", nargs="+", type=Path, default=[clicks.SHIPPED], metavar="FILE",
            help="CSV files, plain or gzip, in the format of apps/demo/data/README.md.",
        )  # fmt: skip
        parser.add_argument(
            "--learn-until", type=date.fromisoformat, metavar="YYYY-MM-DD",
            help="Learn before this day, replay from it on; default: the files' last month.",
        )  # fmt: skip
        parser.add_argument("--sessions", type=session_count, default=None, metavar="N|all")
        parser.add_argument(
            "--origin", default=settings.PUBLIC_ORIGIN, help="Where the stack answers."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, then print the report."""
        wanted = Wanted(
            name=options["site"],
            files=options["clicks"],
            learn_until=options["learn_until"],
            sessions=options["sessions"],
            origin=options["origin"],
        )
        self.stdout.ending = ""  # progress redraws its line
        try:
            run, is_new = load_demo(wanted, stream=self.stdout)
        except DemoTrouble as trouble:
            raise CommandError(str(trouble)) from None
        except DatabaseError as error:
            raise CommandError(f"The database refused: {error}") from error
        except KeyboardInterrupt:
            raise CommandError("\nInterrupted: loading again begins anew, on a new site.") from None
        if not is_new:
            self.stdout.write(f"'{run.name}' is loaded already: nothing to do.\n")
        self.stdout.write(f"\n{report.table(run.report, site=run.site.key)}\n")

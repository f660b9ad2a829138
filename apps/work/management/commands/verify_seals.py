"""Tells whether the ledgers are what was sealed, and names the first row that is not."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.work import clock, ledgers


class Command(BaseCommand):
    """`verify_seals [--ledger NAME] [--json]`: exit status 1 when a ledger is not whole."""

    help = "Compare every row of the sealed ledgers with its seal, and the seals with the anchors."

    def add_arguments(self, parser: CommandParser) -> None:
        """One ledger or all."""
        names = [one.name for one in ledgers.registered()]
        parser.add_argument("--ledger", choices=names, help="one of them; without it, all")
        parser.add_argument("--json", action="store_true", help="one JSON object a ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print a line a ledger and a line a bad chain; the pages show the verdict too."""
        names = [options["ledger"]] if options["ledger"] else None
        names = names or [one.name for one in ledgers.registered()]
        is_whole = True
        for name in names:
            verdict = ledgers.check(name, now=clock.now())
            is_whole &= not verdict.bad
            said = verdict.as_json()
            if options["json"]:
                self.stdout.write(json.dumps(said))
                continue
            words = "whole" if not verdict.bad else "NOT WHOLE"
            self.stdout.write(
                f"{name}: {words}. Rows as they were sealed: {verdict.sealed}, of these with a part"
                f" erased or their time over: {verdict.redacted}. Anchors compared:"
                f" {verdict.anchored}."
            )
            for bad in said["bad"]:
                where = f"row {bad['row'] or '?'}, link {bad['seq'] or 'none'}"
                self.stdout.write(f"  {bad['kind']}: {where}, site {bad['site'] or '-'}. "
                                  f"{bad['words']}")  # fmt: skip
        if not is_whole:
            raise CommandError("A ledger is not what was sealed.", returncode=1)

"""Look through every store for what should be erased, or check one certificate."""

import json
import sys
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.decisions import signing
from apps.privacy import scanning, searching, tasks_erasing
from apps.privacy.certificates import is_genuine
from apps.privacy.models.erasures import Certificate
from apps.privacy.needles import LEAST, Needles
from apps.work import clock


class Command(BaseCommand):
    """Without options: everybody erased since the last search, who is certified if none is left."""

    help = (
        "Search all stores (tables, planner statistics, Redis, files, queues, logs) for people who "
        "were erased. Exits with 1 when something is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to look for."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--certificate", type=UUID, help="check a certificate's signature")
        what.add_argument(
            "--needles",
            metavar="FILE",
            help='search for these texts, one a line, instead; "-" reads them from standard input',
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search or check, print what came of it."""
        if options["certificate"] is not None:
            self._check(options["certificate"])
            return
        progress = searching.silent if options["json"] else self._progress
        if options["needles"] is not None:
            found: searching.Found | None = searching.search(
                _needles(options["needles"]), progress=progress
            )
        else:
            found = tasks_erasing.search_waiting(now=clock.now(), progress=progress)
        if found is None:
            self.stdout.write("Nobody was erased since the last search.")
            return
        self._tell(found, is_json=options["json"])
        if not found.is_clean:
            sys.exit(1)

    def _progress(self, store: str) -> None:
        self.stderr.write(f"  {store}", ending="\n")

    def _tell(self, found: searching.Found, *, is_json: bool) -> None:
        if is_json:
            self.stdout.write(json.dumps(found.as_json(), indent=1))
            return
        for (store, kind), count in sorted(found.hits.items()):
            self.stdout.write(f"LEFT {count} x {kind} in {store}")
        for store, count in sorted(found.allowed.items()):
            self.stdout.write(f"kept {count} x id in {store}: {scanning.KEPT_IDS[store]}")
        outcome = "nothing is left" if found.is_clean else "something is left"
        self.stdout.write(
            f"{len(found.stores)} stores, {found.read / 1e6:,.1f} MB searched: {outcome}."
        )

    def _check(self, pk: UUID) -> None:
        certificate = Certificate.objects.filter(pk=pk).first()
        if certificate is None:
            raise CommandError(f"There is no certificate {pk}.")
        if not is_genuine(certificate.body.encode(), certificate.jws, signing.key_set()):
            raise CommandError("The signature is not of this body: it was changed.")
        self.stdout.write(json.dumps(json.loads(certificate.body), indent=1, ensure_ascii=False))
        self.stdout.write("The signature is genuine.")


def _needles(place: str) -> Needles:
    needles = Needles()
    try:
        with sys.stdin if place == "-" else open(place, encoding="utf-8") as file:
            for number, line in enumerate(file):
                text = line.rstrip("\r\n")
                if 0 < len(text) < LEAST:
                    raise CommandError(
                        f"Line {number + 1} is too short: {LEAST} characters at least."
                    )
                if text:
                    needles.add_text("name", text, number)
    except OSError as error:
        raise CommandError(f"{place} cannot be read: {error.strerror}.") from error
    if not needles.forms:
        raise CommandError("There is nothing to look for.")
    return needles.prepare()

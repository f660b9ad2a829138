"""Import a catalogue of items from a file."""

from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apps.access.selectors import find_site
from apps.recommendations import catalogue
from apps.recommendations.errors import InvalidItems
from apps.recommendations.importing import items_in
from apps.work import clock


class Command(BaseCommand):
    """`import_items FILE --site KEY [--complete]`: all of the file, or nothing of it."""

    help = "Import items from a .csv or .jsonl file: code, category, name, price, stock, ..."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--site", required=True, help="key of the site")
        parser.add_argument(
            "--complete",
            action="store_true",
            help="the file is the whole catalogue: items that it lacks are not available",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        site = find_site(options["site"])
        if site is None:
            raise CommandError(f"There is no site '{options['site']}'.")
        try:
            with transaction.atomic():
                said = _import(site.pk, options["file"], is_complete=options["complete"])
        except InvalidItems as refusal:
            raise CommandError(f"{refusal} Nothing was imported.") from None
        self.stdout.write(said)


def _import(site_id: UUID, path: Path, *, is_complete: bool) -> str:
    now = clock.now()
    codes: set[str] = set()
    created = changed = unchanged = number = 0
    found = items_in(path)
    while rows := list(islice(found, catalogue.MOST_AT_ONCE)):
        items = catalogue.checked(rows, first=number + 1)
        twice = next((item["code"] for item in items if item["code"] in codes), None)
        if twice is not None:
            raise InvalidItems(f"The code “{twice}” is there twice.")
        codes.update(item["code"] for item in items)
        done = catalogue.put(site_id=site_id, items=items, now=now)
        created += done.created
        changed += done.changed
        unchanged += done.unchanged
        number += len(rows)
    if not codes:
        raise InvalidItems(f"{path.name} holds no items.")
    said = f"{created:,} new, {changed:,} changed, {unchanged:,} as they were"
    if not is_complete:
        return said
    gone = catalogue.withhold_others(site_id=site_id, codes=codes, now=now)
    return f"{said}; {gone:,} are not in the file and not available any more"

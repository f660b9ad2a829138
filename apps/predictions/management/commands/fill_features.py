"""Sum up what visitors did by day, here and now; or look whether the sums are right."""

import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.predictions import days
from apps.predictions.models import ModelSpec
from apps.work import clock


class Command(BaseCommand):
    """`fill_features [--site KEY] [--check]`: what is scheduled, without waiting for it."""

    help = (
        "Close the days that are over, and count again what has changed in closed ones: of one"
        " site, or of all that have a model. --check then counts every closed day once more beside"
        " what is kept, and fails when they differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites with a model without it")
        parser.add_argument("--check", action="store_true", help="compare, once filled")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for key, site_id in _sites(options["site"]):
            began = time.perf_counter()
            done = days.fill(site_id, now=clock.now())
            took = time.perf_counter() - began
            said = f"{done.days} days summed up, {done.repaired} people again, {took:.1f} s"
            if options["check"]:
                differing = days.differing(site_id)
                wrong += differing
                said += f"; {differing} sums of a person's day differ from the events"
            self.stdout.write(f"{key}: {said}.")
        if wrong:
            raise CommandError(f"{wrong} sums are not what the events say.")


def _sites(key: str | None) -> list[tuple[str, UUID]]:
    """The sites that have a model: key and id."""
    specs = ModelSpec.objects.filter(is_enabled=True)
    if key is not None:
        specs = specs.filter(site__key=key)
        if not specs:
            raise CommandError(f"No site '{key}' with models.")
    return list(specs.values_list("site__key", "site_id").distinct().order_by("site__key"))

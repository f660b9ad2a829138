"""Train models and score visitors, here and now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.predictions import services
from apps.predictions.models import ModelSpec
from apps.work import clock


class Command(BaseCommand):
    """`train_predictions [--site KEY]`: what the scheduled tasks do, without waiting for them."""

    help = "Train every enabled model and write its scores: of one site, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites without it")

    def handle(self, *args: Any, **options: Any) -> None:
        specs = ModelSpec.objects.filter(is_enabled=True).select_related("site")
        specs = specs.order_by("site__key", "key")
        if options["site"] is not None:
            specs = specs.filter(site__key=options["site"])
            if not specs:
                raise CommandError(f"No site '{options['site']}' with models.")
        for spec in specs:
            run = services.train_now(spec=spec, now=clock.now())
            scored = services.score_now(spec=spec, now=clock.now())
            self.stdout.write(
                f"{spec.site.key} {spec.key}: {run.state}. {run.outcome} {scored} profiles scored."
            )

"""Export the model that serves under a key, for MLflow."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import selectors as access
from apps.integrations.mlflow_export import export
from apps.work import clock
from engine.errors import PersonalizationError


class Command(BaseCommand):
    """`export_model KEY --to DIR [--site KEY]`: a folder that `mlflow.pyfunc.load_model` takes."""

    help = "Write the model that serves under a key as a folder that MLflow loads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="of the model")
        parser.add_argument("--to", type=Path, required=True, help="a folder that is new or empty")
        parser.add_argument("--site", help="key of the site, where there are several")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["site"] is None:
            site_id = access.only_site()
        else:
            site = access.find_site(options["site"])
            site_id = None if site is None else site.pk
        if site_id is None:
            raise CommandError("Say which site: --site KEY.")
        try:
            files = export(site_id, options["key"], options["to"], now=clock.now())
        except (PersonalizationError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{len(files)} files in {options['to']}: mlflow.pyfunc.load_model reads it."
        )

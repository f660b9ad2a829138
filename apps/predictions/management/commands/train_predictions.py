"""Train models and score visitors, here and now."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from apps.predictions import services
from apps.predictions.errors import GateFailed
from apps.predictions.models import ModelSpec, TrainingRun
from apps.work import clock


class Command(BaseCommand):
    """`train_predictions [--site KEY] [--spec KEY] [--yes NOTE --as USER]`.

    What the scheduled tasks do, without waiting for them; with `--yes` what is ready serves at
    once, in the name of somebody of the staff who may decide that.
    """

    help = "Train every enabled model and write its scores: of one site, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites without it")
        parser.add_argument("--spec", help="key of a model; all models without it")
        parser.add_argument("--yes", metavar="NOTE", help="let what is ready serve, and say why")
        parser.add_argument("--as", dest="actor", metavar="USER", help="who says yes")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = self._actor(options)
        specs = ModelSpec.objects.filter(is_enabled=True).select_related("site")
        specs = specs.order_by("site__key", "key")
        if options["site"] is not None:
            specs = specs.filter(site__key=options["site"])
            if not specs:
                raise CommandError(f"No site '{options['site']}' with models.")
        if options["spec"] is not None:
            specs = specs.filter(key=options["spec"])
            if not specs:
                raise CommandError(f"No model '{options['spec']}' that is in use.")
        for spec in specs:
            self._train(spec, actor, options["yes"] or "")

    def _actor(self, options: dict[str, Any]) -> Any:
        if options["yes"] is None:
            return None
        name = options["actor"]
        if not name:
            raise CommandError("A yes is somebody's: say whose with --as.")
        found = get_user_model().objects.filter(username=name, is_staff=True).first()
        if found is None:
            raise CommandError(f"Nobody of the staff is called '{name}'.")
        return found

    def _train(self, spec: ModelSpec, actor: Any, note: str) -> None:
        run = services.train_now(spec=spec, now=clock.now())
        if actor is not None and run.version is not None and run.state == TrainingRun.State.READY:
            try:
                services.approve(version=run.version, actor=actor, note=note, now=clock.now())
                run.refresh_from_db()
            except GateFailed as refusal:
                self.stdout.write(f"{spec.site.key} {spec.key}: {refusal}")
        scored = services.score_now(spec=spec, now=clock.now())
        self.stdout.write(
            f"{spec.site.key} {spec.key}: {run.state}. {run.outcome} {scored} profiles scored."
        )

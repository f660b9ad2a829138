"""Train recommenders, here and now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.recommendations import services
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.work import clock


class Command(BaseCommand):
    """`train_recommenders [--site KEY]`: what the scheduled task does, without waiting for it."""

    help = "Train every enabled recommender: of one site, or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="key of a site; all sites without it")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Recommender.objects.filter(is_enabled=True).select_related("site")
        found = found.order_by("site__key", "key")
        if options["site"] is not None:
            found = found.filter(site__key=options["site"])
            if not found:
                raise CommandError(f"No site '{options['site']}' with recommenders.")
        for recommender, version in services.train_now(recommenders=found, now=clock.now()):
            outcome = "nothing to learn from yet" if version is None else _outcome(version)
            self.stdout.write(f"{recommender.site.key} {recommender.key}: {outcome}")


def _outcome(version: RecommenderVersion) -> str:
    said = f"{version.views} views, {version.pairs} pairs, {version.lists.count()} lists"
    hits, popular = (version.metrics[key] for key in ("hits_at_10", "hits_at_10_popular"))
    if hits is None:
        return said
    return f"{said}; hits among ten on the last day {hits:.1%}, the most popular ten {popular:.1%}"

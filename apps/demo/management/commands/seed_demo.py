"""`seed_demo [--json]`: keys and flags to try the API with."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.demo import seeding
from apps.work import clock


class Command(BaseCommand):
    """Repeatable: an existing key is rotated, the old one works for a day more."""

    help = "Create or rotate one key of each kind for the demo source, and publish its flags."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, then print the keys: they are shown this once."""
        seeded = seeding.seed(now=clock.now())
        answer = {
            "site": seeding.SITE_KEY,
            "siteId": str(seeded.site_id),
            "source": seeding.SOURCE_NAME,
            "sourceId": str(seeded.source_id),
            "publishable": seeded.publishable,
            "secret": seeded.secret,
            "edge": seeded.edge,
            "proofSecret": seeded.proof_secret,
            "flags": {key: value for key, (_, value) in seeding.FLAGS.items()},
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
            return
        for name in ("site", "source", "publishable", "secret", "edge"):
            self.stdout.write(f"{name:<12} {answer[name]}")
        self.stdout.write(f"{'flags':<12} {', '.join(seeding.FLAGS)}")

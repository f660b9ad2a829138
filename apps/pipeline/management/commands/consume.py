"""The consumer process: `manage.py consume`."""

import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.events import fold as event_fold
from apps.pipeline.consumer import Consumer
from apps.work import count_files
from apps.work.collector import spare_the_collector


class Command(BaseCommand):
    help = "Fold accepted events into profiles, evaluate segments, flip what time changes."
    # They load every page of the admin, a fifth of the time until events are folded again. Whoever
    # migrates makes them.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--put-back",
            action="store_true",
            help="First put back the batches that could not be folded and were set aside.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["put_back"]:
            self.stdout.write(f"{event_fold.put_back()} batches put back.")
        stopping = False

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        spare_the_collector()
        count_files.start()
        Consumer(should_stop=lambda: stopping).run()

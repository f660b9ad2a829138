"""The consumer process: `manage.py consume`."""

import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from apps.pipeline.consumer import Consumer


class Command(BaseCommand):
    help = "Fold accepted events into profiles, evaluate segments, flip what time changes."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = False

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        Consumer(should_stop=lambda: stopping).run()

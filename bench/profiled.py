"""The product's processes under cProfile, for `python -m bench --profile DIRECTORY`.

`bench.profiled:application` is the web process, `python -m bench.profiled` the consumer. The
profile is written where the environment variable BENCH_PROFILE says, when the process ends.
"""

import cProfile
import os
import signal
import threading
import time
from typing import Any

EVERY_S = 2.0
_profile = cProfile.Profile()
_saved_at = time.monotonic()


class _Profiled:
    """The web process's application, whose short answers are profiled."""

    def __init__(self) -> None:
        from config.rsgi import Application  # sets Django up

        outer = self

        class Watched(Application):
            def answer(self, *args: Any) -> None:
                outer.measured(super().answer, *args)

        self._product = Watched()
        self.__rsgi_init__ = self._product.__rsgi_init__

    async def __rsgi__(self, scope: Any, incoming: Any) -> None:
        """One request through the product."""
        await self._product.__rsgi__(scope, incoming)

    def measured(self, answer: Any, *args: Any) -> None:
        """Answer under the profiler; the profile is written every few seconds."""
        global _saved_at
        _profile.enable()
        try:
            answer(*args)
        finally:
            _profile.disable()
            if time.monotonic() - _saved_at > EVERY_S:
                _profile.dump_stats(os.environ["BENCH_PROFILE"])
                _saved_at = time.monotonic()


def __getattr__(name: str) -> Any:
    """Return `application`, made only where it is asked for: the consumer has none."""
    if name != "application":
        raise AttributeError(name)
    return _Profiled()


def consume() -> None:
    """Run the consumer until it is told to stop, then write its profile."""
    import django  # only this process needs it

    django.setup()
    from apps.pipeline.consumer import Consumer

    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: is_over.set())
    _profile.runcall(Consumer(should_stop=is_over.is_set).run)
    _profile.dump_stats(os.environ["BENCH_PROFILE"])


if __name__ == "__main__":
    consume()

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
_local = threading.local()


def application(environ: Any, start_response: Any) -> Any:
    """One request through the product, profiled; the profile is written every few seconds."""
    global _saved_at
    from config.wsgi import application as product  # sets Django up

    _profile.enable()
    try:
        return product(environ, start_response)
    finally:
        _profile.disable()
        if time.monotonic() - _saved_at > EVERY_S:
            _profile.dump_stats(os.environ["BENCH_PROFILE"])
            _saved_at = time.monotonic()


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

"""How often Python looks for cycles in a process that makes thousands of small objects and few."""

import gc


def spare_the_collector() -> None:
    """Have Python look for cycles rarely, and never among what the start has made.

    Collecting at every 700 objects, start-up objects and all, takes a fifth of the time of a fold
    or a refresh, and now and then a visitor waits a tenth of a second for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)

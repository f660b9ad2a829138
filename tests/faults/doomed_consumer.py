"""A consumer that is killed after a commit, before the hot state hears of it.

Run with the environment of the stack: `python -m tests.faults.doomed_consumer`. The product has no
hook for it: here the function that tells is replaced by one that ends the process.
"""

import os
import random
import signal
from typing import Any

FOLDS = (20, 150)  # it lives for so many


def main() -> None:
    """Fold for a while, and die where it hurts."""
    import django

    django.setup()
    from apps.decisions import hot_state
    from apps.pipeline.consumer import Consumer

    tell = hot_state.publish
    left = random.randint(*FOLDS)

    def tell_or_die(*args: Any, **kwargs: Any) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return tell(*args, **kwargs)

    hot_state.publish = tell_or_die
    Consumer(should_stop=lambda: False).run()


if __name__ == "__main__":
    main()

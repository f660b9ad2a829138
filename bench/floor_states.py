"""What the floors read: one state of 650 bytes for each visitor."""

import json
import random
from typing import Any, Final

STATE_BYTES: Final = 650
SLOTS: Final = 4
PLANS: Final = ["free", "basic", "pro", "team"]
TOPICS: Final = "abcde"
COUNTRIES: Final = ["de", "fr", "us", "gb", "jp", "br", "in", "it"]

State = dict[str, Any]


def key_of(number: int) -> str:
    """Return the key of a visitor's state."""
    return f"floor:{number}"


def state_of(number: int) -> bytes:
    """Return the stored state of a visitor, STATE_BYTES long."""
    rnd = random.Random(number)  # nosec B311
    state: State = {
        "plan": rnd.choice(PLANS),
        "visits": rnd.randint(0, 100),
        "name": "Ann",
        "country": rnd.choice(COUNTRIES),
        "score": rnd.randint(0, 100),
        "topic": rnd.choice(TOPICS),
        "caps": {f"b{n}-{v}": rnd.randint(0, 5) for n in range(SLOTS) for v in range(5)},
        "recent": [rnd.randint(0, 10**6) for _ in range(30)],
    }
    return json.dumps(state).encode().ljust(STATE_BYTES)

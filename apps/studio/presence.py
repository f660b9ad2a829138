"""Who has a form open: names that Redis holds for a minute. Without Redis there is no notice."""

import hashlib
from datetime import datetime
from typing import Any, Final

from apps.work.redis import RedisAway, connection

LIFE_S: Final = 60
MAX_TOLD: Final = 5
PREFIX: Final = "attune:open:"


def seen(kind: str, ref: str, user: Any, now: datetime) -> list[str]:
    """Note that somebody has a form open; return who else had it within the last minute.

    One round trip. The names are in the order in which they came.
    """
    key = PREFIX + hashlib.sha256(f"{kind}:{ref}".encode()).hexdigest()[:32]
    own = f"{user.pk}:{user.get_username()}"
    at = now.timestamp()
    try:
        pipe = connection().pipeline(transaction=False)
        pipe.zremrangebyscore(key, "-inf", at - LIFE_S)
        pipe.zadd(key, {own: at})
        pipe.zrange(key, 0, -1)
        pipe.expire(key, LIFE_S)
        there: list[bytes] = pipe.execute()[2]
    except RedisAway:
        return []
    names = [one.decode("utf-8", "replace") for one in there]
    return [name.partition(":")[2] for name in names if name != own][:MAX_TOLD]

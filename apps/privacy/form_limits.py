"""How often the public form may be used: by address of the sender, and by the address written in.

The second stops mail to strangers: it is silent, so that it says nothing about anybody. With Redis
away everything passes, as everywhere: what is written down is no more than a request.
"""

import hashlib
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from apps.access.addresses import client_address, network_of
from apps.work.redis import RedisAway, exchange

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
MOST_OF_SENDER: Final = 20  # an hour
MOST_TO_CONTACT: Final = 3  # a day


def is_hasty(request: HttpRequest) -> bool:
    """Count a use of the form; return whether its sender has sent too many within an hour."""
    address = client_address(request.META)
    if address is None:
        return False
    return _count("s", network_of(address), HOUR_S) > MOST_OF_SENDER


def is_flooded(site_key: str, contact: str) -> bool:
    """Count a request of a contact; return whether there were too many within a day."""
    return _count("c", f"{site_key}:{contact.strip().lower()}", DAY_S) > MOST_TO_CONTACT


def _count(what: str, value: str, lasts_s: int) -> int:
    secret = hashlib.blake2b(settings.SIGNING_KEY.encode(), digest_size=64).digest()
    digest = hashlib.blake2b(value.encode(), key=secret, person=b"attune.form", digest_size=12)
    key = f"a:pf:{what}:{digest.hexdigest()}"
    try:
        count, _ = exchange(("INCR", key), ("EXPIRE", key, lasts_s, "NX"))
    except RedisAway:
        return 0
    return count if isinstance(count, int) else 0

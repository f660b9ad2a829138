"""The floors: the least that a Django view under the same server can do, and the bare work.

`/bare` answers a constant. `/redis` ("floor R") does one GET of 650 bytes. `/decide` is a decision
written by hand: that GET, 20 segments, an arm, caps, 4 filled templates. No middleware, no key, no
limit, no log. Served as `bench.floor_app:application`.
"""

import hashlib
import json
import os
import random
from collections.abc import Callable
from typing import cast

import django
import redis
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bench.floor_states import COUNTRIES, PLANS, SLOTS, TOPICS, State, key_of

settings.configure(
    DEBUG=False,
    SECRET_KEY="of no use here",  # nosec B106
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=[],
    USE_TZ=True,
)
django.setup()

_store = redis.Redis.from_url(os.environ["REDIS_URL"])
_rnd = random.Random(7)  # nosec B311
_BODY = json.dumps({"slots": [{"slot": n, "html": "x" * 200} for n in range(SLOTS)]}).encode()


def _segment() -> Callable[[State], bool]:
    plan, topic = _rnd.choice(PLANS), _rnd.choice(TOPICS)
    least, most = _rnd.randint(1, 80), _rnd.randint(20, 100)
    countries = frozenset(_rnd.sample(COUNTRIES, 3))
    return lambda s: (
        s["plan"] == plan
        and s["visits"] > least
        and s["country"] in countries
        and s["score"] < most
        and topic in s["topic"]
    )


_SEGMENTS = [_segment() for _ in range(20)]
_VARIANTS = [
    [
        (_rnd.randrange(20), f"b{slot}-{v}", f"<p>Hello {{name}} from {{country}}</p>{'y' * 150}")
        for v in range(5)
    ]
    for slot in range(SLOTS)
]


def _answer(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json")


def bare(request: HttpRequest) -> HttpResponse:
    """A constant."""
    return _answer(_BODY)


def one_get(request: HttpRequest) -> HttpResponse:
    """One round trip to the store: floor R."""
    return _answer(cast(bytes, _store.get(key_of(int(request.GET["u"])))))


def decide(request: HttpRequest) -> HttpResponse:
    """A whole decision with nothing around it."""
    visitor = request.GET["u"]
    state: State = json.loads(cast(bytes, _store.get(key_of(int(visitor)))))
    inside = {number for number, holds in enumerate(_SEGMENTS) if holds(state)}
    slots = []
    for slot, variants in enumerate(_VARIANTS):
        digest = hashlib.blake2b(f"{slot}:{visitor}".encode(), digest_size=4).digest()
        arm = int.from_bytes(digest, "big") % 10_000
        chosen = variants[arm % 5]
        for variant in variants:
            if variant[0] in inside and state["caps"][variant[1]] < 3:
                chosen = variant
                break
        html = chosen[2].format(name=state["name"], country=state["country"])
        slots.append({"slot": slot, "variant": chosen[1], "arm": arm, "html": html})
    return _answer(json.dumps({"segments": sorted(inside), "slots": slots}).encode())


urlpatterns = [path("bare", bare), path("redis", one_get), path("decide", decide)]
application = get_wsgi_application()

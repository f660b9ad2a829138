"""Calls on their way in: read and authenticated one by one, charged and recorded together.

A web process hands over the calls that have met while others were being recorded: they share the
round trip to the rate limiter, the look-up of consent and the commit, which is most of what one
event costs. A call alone goes the same way. Each is answered when its events are durable.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, parse_cookie

from apps.access import limits
from apps.access.http import Caller, authenticate, read_body, write_key_in
from apps.access.proof import signed_in, verified_user_id
from apps.events import collect
from apps.events.domain.envelope import MAX_BATCH_BYTES, Envelope, open_batch, open_single
from apps.events.domain.reading import MAX_ID_LENGTH
from apps.events.errors import InvalidBody
from apps.events.together import Outcome, record_ordinary, recorded_alone
from apps.events.types import Receipt, Sender
from apps.work import clock, record_watch
from apps.work.counting import Counter
from apps.work.database import drop_if_broken

ROUTE: Final = "ingest"
COOKIE: Final = "ajs_anonymous_id"
_groups: Final = Counter("attune_intake_groups", "Groups of calls that were recorded together.")
_calls: Final = Counter("attune_intake_calls", "Calls in these groups.")
_AWAY: Final = (OperationalError, InterfaceError)


class Arrived(NamedTuple):
    """A call whose sender is known. `type` is that which the path names, None for a batch."""

    caller: Caller
    envelope: Envelope
    type: str | None
    size: int  # bytes


class Taken(NamedTuple):
    """What became of a call: the rate limiter's reply, then a receipt or what it is refused for.

    `left` is a call that has passed, and is to be recorded by itself (`taken_alone`).
    """

    caller: Caller
    charge: object
    outcome: Outcome | None
    left: collect.Call | None = None

    def receipt(self) -> tuple[Receipt, dict[str, str]]:
        """Return the receipt and the headers of the rate limit.

        Raises:
            RateLimited: there were too many.
            Exception: what recording it raised.
        """
        headers = limits.check(self.charge, self.caller, ROUTE)
        assert self.outcome is not None, "what passed the limit was taken in"
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome, headers


def arrived(request: HttpRequest, type: str | None) -> Arrived:
    """Read a call and say whose it is.

    Raises:
        InvalidBody, PayloadTooLarge: the body cannot be read.
        Unauthenticated, Forbidden, SecretKeyInBrowser, Unavailable: as `authenticate`.
    """
    body = read_body(request, MAX_BATCH_BYTES)
    try:
        envelope = open_batch(body) if type is None else open_single(body)
    except InvalidBody:
        authenticate(request, write_key_in(body))  # who has no key learns that first
        raise
    caller = authenticate(request, key_of(envelope, body))
    return Arrived(caller, with_cookie(envelope, request), type, len(body))


def with_cookie(envelope: Envelope, request: HttpRequest) -> Envelope:
    """Note the anonymous id that Segment's library keeps in a cookie, for events that have none.

    It comes along where this server is reached under the site's own origin.
    """
    text = request.META.get("HTTP_COOKIE")
    if text is None or COOKIE not in text:
        return envelope
    found = unquote(parse_cookie(text).get(COOKIE, "")).strip('"')
    if not 0 < len(found) <= MAX_ID_LENGTH or "\x00" in found:
        return envelope
    return replace(envelope, cookie_id=found)


def key_of(envelope: Envelope, body: bytes) -> str | None:
    """The key in a body; one that is no JSON is refused, but to whom it says it is from."""
    return write_key_in(body) if envelope.is_broken else envelope.write_key


def take(calls: Sequence[Arrived]) -> list[Taken]:
    """Charge calls, read their events and record them. Never raises: see `Taken.receipt`."""
    return [one if one.left is None else taken_alone(one) for one in take_ordinary(calls)]


def take_ordinary(calls: Sequence[Arrived]) -> list[Taken]:
    """Do as `take` with those that share what they take; the others are `left`, and charged.

    What waits for rows of visitors, or writes much, is not to hold up everybody's events.
    """
    _groups.add()
    _calls.add(amount=len(calls))
    charges = limits.charge([one.caller for one in calls], ROUTE)
    outcomes: dict[int, Outcome | None] = {}
    opened: dict[int, collect.Call] = {}
    now = clock.now()
    for place, (one, charge) in enumerate(zip(calls, charges, strict=True)):
        if limits.has_passed(charge):
            sender = sender_of(one.caller, now)
            try:
                opened[place] = collect.opened(sender, one.envelope, type=one.type, now=now)
            except Exception as error:  # its own: the others are not to hear of it
                outcomes[place] = error
    outcomes.update(zip(opened, _recorded(list(opened.values()), record_ordinary), strict=True))
    return [
        Taken(one.caller, charge, outcome, opened.get(place) if outcome is None else None)
        for place, (one, charge) in enumerate(zip(calls, charges, strict=True))
        for outcome in (outcomes.get(place),)
    ]


def taken_alone(one: Taken) -> Taken:
    """Record what was left of a call. Never raises: see `Taken.receipt`."""
    assert one.left is not None, "it is recorded already"
    [outcome] = _recorded([one.left], lambda calls: [recorded_alone(call) for call in calls])
    return one._replace(outcome=outcome, left=None)


def _recorded(
    calls: Sequence[collect.Call],
    record: Callable[[Sequence[collect.Call]], Sequence[Outcome | None]],
) -> list[Outcome | None]:
    """Record, and once more on a new connection what failed because the old one is dead.

    After a restart of Postgres every process holds dead connections; without this each would refuse
    one call. Message ids make the repetition harmless. The second failure travels on as a 503, and
    so does the first of a server that is there: who holds a row would hold it the second time.
    """
    try:
        record_watch.require()
    except OperationalError as error:
        return [error] * len(calls)
    outcomes = list(record(calls))
    failed = [n for n, found in enumerate(outcomes) if isinstance(found, _AWAY)]
    if failed and not connection.in_atomic_block and not record_watch.is_away():
        drop_if_broken()
        if connection.connection is None:
            again = record([calls[n] for n in failed])
            for n, outcome in zip(failed, again, strict=True):
                outcomes[n] = outcome
    return outcomes


def sender_of(caller: Caller, now: datetime) -> Sender:
    """Return the terms on which a caller's events are taken in.

    Proof of a userId is asked of browsers only: a secret key proves its server already.
    """
    is_browser = caller.kind == "pk"
    prove: Callable[[str, Any, Any], str | None] | None = None
    if is_browser and caller.is_user_proof_required:
        prove = partial(_proved, caller, now)
    return Sender(
        site_id=caller.site_id,
        source_id=caller.source_id,
        consent_mode=caller.consent_mode,
        regime=caller.regime,
        is_plan_strict=caller.plan_strict,
        retention_days=caller.retention_days,
        is_browser=is_browser,
        address=caller.address if is_browser else None,
        has_gpc=caller.gpc,
        prove=prove,
        source_kind=caller.source_kind,
        place_policy=caller.place_policy,
        treats_gpc_as_refusal=caller.treats_gpc_as_refusal,
        country=caller.country,
        region=caller.region,
        tcf_vendor_id=caller.tcf_vendor_id,
        signed_in=partial(signed_in, caller.proof_secret) if is_browser else None,
    )


def _proved(
    caller: Caller, now: datetime, user_id: str, user_hash: Any, user_token: Any
) -> str | None:
    """Return the user id if its proof holds, in the types that a proof can have."""
    return verified_user_id(
        caller,
        user_id,
        user_hash if isinstance(user_hash, str) else None,
        user_token if isinstance(user_token, str) else None,
        now,
    )

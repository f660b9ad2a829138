"""Firings for somebody who has taken triggers back: called off, and forgotten."""

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.rules.firing import NOT_TOLD
from apps.rules.models import Firing

_NEEDED = (Purpose.PERSONALIZATION, Purpose.TRIGGERS)


def _call_off(taken: TakenBack) -> None:
    if taken.has(*_NEEDED):
        Firing.objects.filter(profile_id=taken.profile_id, outcome=Firing.Outcome.WAITING).update(
            outcome=Firing.Outcome.NO_CONSENT
        )


def _stop_calls(taken: TakenBack) -> None:
    _call_off(taken)
    if taken.has(*_NEEDED, Purpose.ADVERTISING, Purpose.AUDIENCES):
        waiting = Firing.objects.filter(profile_id=taken.profile_id, webhook=Firing.Webhook.WAITING)
        if not taken.has(*_NEEDED):
            waiting = waiting.filter(trigger__recipient__is_third_party=True)
        waiting.update(webhook=Firing.Webhook.NONE, error=NOT_TOLD)


def _forget(taken: TakenBack) -> int:
    """Calls that are on their way find nothing to say any more."""
    if not taken.has(*_NEEDED):
        return 0
    rows = Firing.objects.filter(profile_id=taken.profile_id, at__lte=taken.until)
    return int(rows.delete()[0])


CLEARING = Clearing("rules", at_once=_stop_calls, later=_forget)

"""The newest events of somebody who took a purpose back: no model reads them, not even afterwards.

A worker reads stamps, from which the purpose is taken; answers in the request read the history in
the state row, which has none. So it keeps until when its events are not for a purpose. A later yes
is about what comes after it.
"""

from typing import Final

from django.db import connection

from apps.consent.gates import finer_refused
from apps.consent.withdrawing import Clearing, TakenBack
from apps.events import history
from apps.work import clock

_READ: Final = "SELECT history FROM profiles_profilestate WHERE profile_id = %s FOR UPDATE"
# No version is raised: whoever chose saves the row in the same transaction. `save` writes a history
# only where it is another than it was, so this one stays.
_WRITE: Final = "UPDATE profiles_profilestate SET history = %s WHERE profile_id = %s"


def _mark(taken: TakenBack) -> None:
    """Note in the history, under the row's lock, that what is in it is not for these purposes.

    One that is to be read anew is left as it is: it is read from the stamps. Without
    personalization nothing is left of it.
    """
    bits = [bit for bit in finer_refused(0) if taken.bits & bit]
    if not bits or taken.is_suspended:
        return
    with connection.cursor() as cursor:
        cursor.execute(_READ, [str(taken.profile_id)])
        row = cursor.fetchone()
        kept = history.decode(bytes(row[0]) if row is not None else b"")
        if kept.is_outdated or not kept.times:
            return
        before = dict(kept.refused_ms)
        kept.note_refused(clock.to_ms(taken.until), bits)
        if kept.refused_ms != before:
            cursor.execute(_WRITE, [history.encode(kept), str(taken.profile_id)])


def _mark_again(taken: TakenBack) -> int:
    """The history may have been read anew from events whose stamps were not yet cleared."""
    _mark(taken)
    return 0


CLEARING: Final = Clearing("newest events", at_once=_mark, later=_mark_again)

"""The consent ledger as a sealed one: all but whose profile it is, which a merge moves.

What came along (`signals`, `network`, `browser`) goes with an erasure and is sealed apart; the rest
is the proof, and is compared for as long as it is kept, whether the person was erased or not.
"""

from datetime import timedelta
from typing import Final

from apps.consent.models import ConsentEvent
from apps.work.ledgers import Form, Ledger

NAME: Final = "consent"
# Of the first form, for ever: entries with more of them get a second form.
_COLUMNS: Final = (
    "id", "site_id", "at", "identity_id", "subject_digest", "kind", "purposes", "granted_before",
    "denied_before", "granted_after", "denied_after", "epoch", "regime", "policy_version", "method",
    "has_gpc", "client_at", "source_id",
)  # fmt: skip
# Of the second: states, the notice, the place, who acted.
_MORE: Final = (
    *_COLUMNS, "schema_version", "states", "basis", "regime_source", "place", "notice_id",
    "notice_language", "text_sha256", "controls", "actor_kind", "actor_id", "reason_code",
    "valid_until",
)  # fmt: skip
LEDGER: Final = Ledger(
    name=NAME,
    title="the consent ledger",
    table=ConsentEvent._meta.db_table,
    keeps=timedelta(days=3 * 365),
    forms=(
        Form(_COLUMNS, apart=("signals",)),
        Form(_MORE, apart=("signals", "network", "browser")),
    ),
    apart_salt_column="signals_salt",
    after_erasure={"profile_id": None, "signals": "{}", "network": "", "browser": ""},
)

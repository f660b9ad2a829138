"""The audit trail as a sealed ledger: all that an entry says, for two years."""

from datetime import timedelta
from typing import Final

from apps.access.models import AuditEntry
from apps.work.ledgers import Form, Ledger

NAME: Final = "audit"
# Of the first form, for ever: an entry with more of them gets a second form.
_COLUMNS: Final = (
    "id", "site_id", "at", "actor_id", "actor_label", "action", "target_kind", "target_id",
    "detail",
)  # fmt: skip
LEDGER: Final = Ledger(
    name=NAME,
    title="the audit trail",
    table=AuditEntry._meta.db_table,
    id_type="bigint",
    keeps=timedelta(days=730),
    forms=(Form(_COLUMNS),),
)

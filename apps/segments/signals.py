"""Notices for apps further down the stream."""

from django.dispatch import Signal

# rows: list[profiles.state.StateRow] as written, their locks held. Sent last before the commit:
# whoever keeps copies of state rows marks them as stale now.
states_changing = Signal()

# rows: the same, after the commit: copies may be replaced. Only a wake-up, the rows are the truth.
states_changed = Signal()

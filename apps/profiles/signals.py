"""Notices for apps further down the stream that keep copies of state rows."""

from django.dispatch import Signal

# rows: list[state.StateRow] as written, their locks held. Sent before the commit: whoever keeps
# copies of state rows marks them as stale now.
states_changing = Signal()

# rows: the same, after the commit and before the caller is answered: copies may be replaced. Who
# writes very many does not send it: whoever asks for one of them next makes the copy anew.
# names: Mapping[identities.Name, UUID], identities that may be new, and their profiles; optional.
states_changed = Signal()

"""Notices for apps further down the stream."""

from django.dispatch import Signal

# site_id, number, now. Sent in the transaction that publishes, so that work asked for is of it.
published = Signal()

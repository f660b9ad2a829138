"""Notices for apps further down the stream."""

from django.dispatch import Signal

# site_id: a recommender of this site was saved, in the present transaction. What it filters may be
# another thing than before.
recommender_saved = Signal()

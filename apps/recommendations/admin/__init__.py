"""Recommenders in the admin: what serves and why, how methods did, and the items."""

from apps.recommendations.admin.recommenders import RecommenderAdmin
from apps.recommendations.admin.rows import ItemAdmin, ItemListAdmin, RecommenderVersionAdmin

__all__ = ["ItemAdmin", "ItemListAdmin", "RecommenderAdmin", "RecommenderVersionAdmin"]

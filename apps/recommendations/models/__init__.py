"""Items, recommenders, the lists that decisions serve, and how well they do."""

from apps.recommendations.models.items import Item
from apps.recommendations.models.recommenders import (
    ItemList,
    PersonList,
    Recommender,
    RecommenderVersion,
)
from apps.recommendations.models.trials import Trial

__all__ = ["Item", "ItemList", "PersonList", "Recommender", "RecommenderVersion", "Trial"]

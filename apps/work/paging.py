"""Lists of tables that hold millions: a page of them counts no further than anybody leafs."""

from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST: Final = 10_000


class BoundedPaginator(Paginator[Any]):
    """Pages of the first `most` rows. What lies beyond is found by searching and filtering."""

    most = MOST

    @cached_property
    def count(self) -> int:
        """How many rows there are, but never more than `most`."""
        if isinstance(self.object_list, QuerySet):
            return int(self.object_list[: self.most].count())
        return min(len(self.object_list), self.most)

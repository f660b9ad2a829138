"""What tests of previews begin with: content compiled anew, one pane of an answer, all rows."""

from typing import Any

import pytest
from django.db import connection

from apps.delivery.previewing import answer
from apps.delivery.previewing import content as contents
from apps.delivery.previewing.types import PreviewSpec
from tests.apps.delivery.conftest import NOW, World


@pytest.fixture(autouse=True)
def compiled_anew() -> None:
    contents.forget()


def shown(world: World, *, now: Any = NOW, key: str = "home.hero", **fields: Any) -> Any:
    """The one placement of a preview."""
    found = answer(PreviewSpec(world.site.pk, placements=(key,), **fields), now)
    (pane,) = found.panes
    return pane


def rows() -> dict[str, int]:
    """How many rows every table has."""
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
        return found

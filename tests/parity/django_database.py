"""A test database for a run outside of pytest: made, migrated, and dropped afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import django
from django.db import connections


@contextlib.contextmanager
def prepared(*, keeps: bool) -> Iterator[None]:
    """Django set up on a test database that processes may fork onto.

    Args:
        keeps: take one that is there, and leave it there.
    """
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    before = setup_databases(verbosity=0, interactive=False, keepdb=keeps)
    # A connection must not be shared by processes: each opens its own.
    connections.close_all()
    try:
        yield
    finally:
        teardown_databases(before, verbosity=0, keepdb=keeps)

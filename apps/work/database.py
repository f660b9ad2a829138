"""Healing of database connections outside Django's request cycle."""

from django.db import connection


def drop_if_broken() -> None:
    """Close this thread's connection if its server is gone; the next statement opens another.

    The hot endpoints and long-running processes send no request signals, which do this elsewhere.
    Inside a transaction nothing is closed: its owner sees the error and rolls back.
    """
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()

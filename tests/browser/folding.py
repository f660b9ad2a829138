"""What a shop's visitors did is taken in by its consumer a moment after they were answered."""

import time

import psycopg2

from launcher.home import Home

STACKS: dict[str, Home] = {}  # of each shop, by its address


def wait_until_folded(shop: str) -> None:
    """Return once the shop's consumer has worked off all that came in.

    Raises:
        AssertionError: it has not within a minute.
    """
    record = psycopg2.connect(host=str(STACKS[shop].postgres_run), dbname="attune", user="postgres")
    record.autocommit = True
    try:
        with record.cursor() as cursor:
            for _ in range(3_000):
                cursor.execute("SELECT count(*) FROM events_inbox")
                if cursor.fetchone() == (0,):
                    return
                time.sleep(0.02)
    finally:
        record.close()
    raise AssertionError("the consumer has not done its work")

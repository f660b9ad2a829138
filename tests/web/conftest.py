"""One web process for the tests that do not end theirs."""

from collections.abc import Iterator

import pytest
import redis

from tests.web.server import Server, running


@pytest.fixture(scope="session")
def server(
    django_db_setup: None, valkey_client: "redis.Redis", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The web process with a slow page and a slow call: see tests/web/target.py."""
    with running(tmp_path_factory.mktemp("web"), "tests.web.target:application") as server:
        yield server

"""Postgres and Valkey of a run's own, with the tables made; no web and no consumer."""

import contextlib
import os
from collections.abc import Iterator

from launcher import processes
from launcher.home import PROJECT_ROOT, Home, replace_environment
from launcher.servers import needed, occupied
from launcher.supervisor import python
from launcher.testhome import temporary_home
from launcher.trouble import Trouble


@contextlib.contextmanager
def servers_only() -> Iterator[list[int]]:
    """Yield the process ids of fresh servers. This process gets their environment."""
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    with temporary_home(Home.locate()) as home, occupied(home):
        servers = needed(home)
        try:
            for server in servers:
                server.start()
            replace_environment(home.environment())
            command = [python(), "manage.py", "migrate", "--noinput", "-v", "0"]
            if processes.in_front(command, home.environment(), PROJECT_ROOT):
                raise Trouble("The tables could not be made.")
            yield [server.process.pid for server in servers if server.process is not None]
        finally:
            for server in reversed(servers):
                server.stop()

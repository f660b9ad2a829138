"""Health of the container that this runs in: exit status 0 when its process does its work.

web and stream answer /healthz; a worker or trainer answers Celery's ping; consumer and beat hold a
session in Postgres under this container's name, which a process that never got to work or lost the
server does not.
"""

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

TIMEOUT = 8  # seconds; below the image's HEALTHCHECK --timeout


def web() -> bool:
    """Whether the web process answers."""
    address = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/healthz"
    with urllib.request.urlopen(address, timeout=TIMEOUT) as reply:
        return bool(reply.status == 200)


def stream() -> bool:
    """Whether the stream process answers."""
    address = f"http://127.0.0.1:{os.environ.get('STREAM_PORT') or 8001}/healthz"
    with urllib.request.urlopen(address, timeout=TIMEOUT) as reply:
        return bool(reply.status == 200)


def worker(role: str = "worker") -> bool:
    """Whether this container's Celery worker answers a ping."""
    name = f"{role}@{socket.gethostname()}"
    ping = [sys.executable, "-m", "celery", "-A", "config", "inspect", "ping"]
    result = subprocess.run(
        [*ping, "--destination", name, "--timeout", "4"], capture_output=True, timeout=30
    )
    return result.returncode == 0


def holds_session(role: str) -> bool:
    """Whether a Postgres session named after this role and container exists."""
    import psycopg2

    from config.env import ENV

    entry = ENV.database
    os.environ["PGAPPNAME"] = "attune-healthcheck"
    connection = psycopg2.connect(
        host=entry["HOST"] or None,
        port=entry["PORT"] or None,
        user=entry["USER"],
        password=entry["PASSWORD"] or None,
        dbname=entry["NAME"],
        connect_timeout=TIMEOUT,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
                [f"attune-{role}-{socket.gethostname()}"],
            )
            return bool(cursor.fetchone()[0])
    finally:
        connection.close()


def main() -> int:
    """Ask the question that belongs to this container's role."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    role = (Path(tempfile.gettempdir()) / "attune-role").read_text()
    asks = {"web": web, "stream": stream, "worker": worker, "trainer": lambda: worker("trainer")}
    healthy = asks[role]() if role in asks else holds_session(role)
    return 0 if healthy else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:  # whatever it is, the container is not healthy
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)

"""The process environment, read once and typed. No other module reads it.

`ENV` is built at import. A missing or malformed value ends the process with one sentence that names
the variable, because a server that starts half configured is worse than one that does not start.
Tests (`DJANGO_SETTINGS_MODULE=config.settings.test`) get fixed secrets and a database address that
nothing answers; the test launcher sets real addresses before Django loads.
"""

import ipaddress
import os
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ

PROJECT_ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says.

    `database` is a Django DATABASES entry. `redis_url` is what redis-py takes (`redis://`,
    `rediss://` or `unix://`), `broker_url` the same server as Celery spells it. `public_origin`
    is the scheme and host visitors use, without a trailing slash; `stream_origin` is the same for
    the live stream; empty when a proxy leads its path, on the API's own origin, to the stream
    process. That one listens on `stream_port` and holds at most `stream_connections` open, of which
    `stream_per_address` may come from one address.
    `trusted_proxies` are networks
    (CIDR or address) whose forwarding headers are believed. `snapshot_key` is the seed of the key
    that signs the edge's snapshot (empty: derived), `snapshot_retired_keys` the public keys that
    did before; see apps/decisions/signing.py. `private_targets` are private networks that addresses
    given by people may lead into; see apps/access/targets.py. `signing_keys_retired` are signing
    keys of before: what they signed is still believed, nothing is signed with them. `tombstone_key`
    makes the digests by which erased people are known again, see apps/consent/tombstones.py;
    those made with `tombstone_keys_retired` are still looked for. `clock_file`
    names a file with the seconds by which the clock is wrong, for tests of faults. `anchor_url` is
    told the heads of sealed ledgers; see apps/work/anchors.py. `email` holds Django's
    EMAIL_* settings; without EMAIL_URL messages are written to files, and nothing is sent.
    `master_keys` wrap the keys of encrypted values, the first those that are made now; none: one
    derived from `signing_key`; see apps/profiles/vault.py. `ledger` is the directory of the file
    that says who has been erased, see apps/privacy/ledger_file.py. `region_header` is the header,
    as WSGI names it, in which a trusted proxy says the client's region; empty: none does.
    """

    secret_key: str
    signing_key: str
    tombstone_key: str
    database: dict[str, Any]
    redis_url: str
    broker_url: str
    debug: bool
    allowed_hosts: list[str]
    trusted_proxies: list[str]
    home: Path
    port: int
    public_origin: str
    stream_origin: str
    stream_port: int
    stream_connections: int
    stream_per_address: int = 40
    private_targets: tuple[str, ...] = ()
    snapshot_key: str = ""
    snapshot_retired_keys: tuple[str, ...] = ()
    signing_keys_retired: tuple[str, ...] = ()
    tombstone_keys_retired: tuple[str, ...] = ()
    log_format: str = "line"
    otlp_endpoint: str = ""
    clock_file: str = ""
    anchor_url: str = ""
    second_factor: str = ""
    region_header: str = ""
    master_keys: tuple[tuple[str, bytes], ...] = ()
    ledger: Path = Path(".attune/ledger")
    email: dict[str, Any] = field(default_factory=dict)
    email_from: str = "attune@localhost"
    opendsr_key: str = ""
    opendsr_certificate: str = ""


def load(variables: dict[str, str] | None = None) -> Environment:
    """Return the typed environment; `variables` replaces `os.environ` (for tests).

    Raises:
        SystemExit: a value is missing or malformed; the message is one sentence naming it.
    """
    env = environ.Env()
    given = os.environ if variables is None else variables
    # Compose files and CI systems pass what is not set as an empty string.
    env.ENVIRON = {name: value for name, value in given.items() if value}
    testing = env.str("DJANGO_SETTINGS_MODULE", default="").endswith(".test")
    port = _read(env.int, "PORT", 8000)
    redis_url = _read(env.str, "REDIS_URL", "unix:///nonexistent/valkey.sock" if testing else None)
    return Environment(
        secret_key=_secret(env, "SECRET_KEY", testing=testing),
        signing_key=_secret(env, "SIGNING_KEY", testing=testing),
        tombstone_key=_secret(env, "TOMBSTONE_KEY", testing=testing),
        database=_database(env, testing=testing),
        redis_url=redis_url,
        broker_url=_read(env.str, "CELERY_BROKER_URL", broker_address(redis_url)),
        debug=_read(env.bool, "DEBUG", False),
        allowed_hosts=_read(env.list, "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]),
        trusted_proxies=_read(env.list, "TRUSTED_PROXIES", []),
        home=Path(_read(env.str, "ATTUNE_HOME", str(PROJECT_ROOT / ".attune"))).absolute(),
        port=port,
        public_origin=_origin(_read(env.str, "PUBLIC_ORIGIN", f"http://127.0.0.1:{port}")),
        stream_origin=_origin(_read(env.str, "STREAM_ORIGIN", "")),
        stream_port=_read(env.int, "STREAM_PORT", port + 1),
        stream_connections=_read(env.int, "STREAM_CONNECTIONS", 5_000),
        stream_per_address=_read(env.int, "STREAM_PER_ADDRESS", 40),
        private_targets=_networks(_read(env.list, "PRIVATE_TARGETS", [])),
        snapshot_key=_read(env.str, "SNAPSHOT_KEY", ""),
        snapshot_retired_keys=tuple(_read(env.list, "SNAPSHOT_RETIRED_KEYS", [])),
        signing_keys_retired=_retired(env, "SIGNING_KEYS_RETIRED"),
        tombstone_keys_retired=_retired(env, "TOMBSTONE_KEYS_RETIRED"),
        log_format=_one_of("LOG_FORMAT", _read(env.str, "LOG_FORMAT", "line"), ("line", "json")),
        otlp_endpoint=_origin(_read(env.str, "OTEL_EXPORTER_OTLP_ENDPOINT", "")),
        clock_file=_read(env.str, "CLOCK_FILE", ""),
        anchor_url=_origin(_read(env.str, "ANCHOR_URL", "")),
        second_factor=_second_factor(env),
        region_header=_header(_read(env.str, "REGION_HEADER", "")),
        master_keys=_master_keys(env),
        ledger=_ledger(env),
        email=_email(env),
        email_from=_read(env.str, "EMAIL_FROM", "attune@localhost"),
        opendsr_key=_read(env.str, "OPENDSR_KEY", ""),
        opendsr_certificate=_read(env.str, "OPENDSR_CERTIFICATE", ""),
    )


def broker_address(redis_url: str) -> str:
    """Return the Celery broker address of a Redis address: kombu spells a socket its own way.

    `unix:///run/valkey.sock?db=2` becomes `redis+socket:///run/valkey.sock?virtual_host=2`.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    number = parse_qs(parts.query).get("db", ["0"])[0]
    password = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{password}{parts.path}?virtual_host={number}"


def _read(parse: Callable[..., Any], name: str, default: Any = None) -> Any:
    """Return variable `name` through `parse`; `default` None makes it required."""
    try:
        return parse(name) if default is None else parse(name, default=default)
    except environ.ImproperlyConfigured:
        raise SystemExit(
            f"The environment variable {name} is not set: "
            "`make up` sets everything; see docs/operations.md to run without it."
        ) from None
    except (TypeError, ValueError) as error:
        raise SystemExit(f"The environment variable {name} is malformed: {error}.") from None


def _networks(texts: list[str]) -> tuple[str, ...]:
    """Return networks that are some."""
    try:
        return tuple(str(ipaddress.ip_network(text, strict=False)) for text in texts)
    except ValueError as error:
        raise SystemExit(
            f"The environment variable PRIVATE_TARGETS is malformed: {error}."
        ) from None


def _secret(env: environ.Env, name: str, *, testing: bool) -> str:
    """Return a secret long enough to be one."""
    # Not by env.str, to which a leading dollar sign means "see that other variable".
    value = str(env.ENVIRON.get(name, ""))
    if not value:
        value = f"fixed for tests, never used to serve: {name}" if testing else _read(env.str, name)
    if len(value) < MIN_SECRET_LENGTH:
        raise SystemExit(f"{name} must have at least {MIN_SECRET_LENGTH} characters.")
    return value


def _retired(env: environ.Env, name: str) -> tuple[str, ...]:
    """Return the keys of before, separated by commas; each was a secret once."""
    given = str(env.ENVIRON.get(name, ""))
    keys = tuple(text.strip() for text in given.split(",") if text.strip())
    if any(len(key) < MIN_SECRET_LENGTH for key in keys):
        raise SystemExit(f"A key in {name} has less than {MIN_SECRET_LENGTH} characters.")
    return keys


def _master_keys(env: environ.Env) -> tuple[tuple[str, bytes], ...]:
    """Return the master keys, "name:base64 of 32 bytes" with commas between, in their order."""
    given = str(env.ENVIRON.get("MASTER_KEYS", ""))
    found: dict[str, bytes] = {}
    for text in (part.strip() for part in given.split(",") if part.strip()):
        name, _, encoded = text.partition(":")
        try:
            key = b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except ValueError:
            key = b""
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,32}", name) or name in found or len(key) != 32:
            raise SystemExit(
                "MASTER_KEYS is a list of name:key with commas between; each name is used once and"
                " has up to 32 letters, digits, dots or dashes; each key is 32 bytes in base64."
            )
        found[name] = key
    return tuple(found.items())


def _ledger(env: environ.Env) -> Path:
    """Return the directory of the erasure ledger: beside the data, unless another is given."""
    home = Path(_read(env.str, "ATTUNE_HOME", str(PROJECT_ROOT / ".attune")))
    return Path(_read(env.str, "ERASURE_LEDGER", str(home / "ledger"))).absolute()


def _database(env: environ.Env, *, testing: bool) -> dict[str, Any]:
    """Return the Django DATABASES entry of DATABASE_URL, with connections kept between requests."""
    default = "postgres:////nonexistent/attune" if testing else None
    url = _read(env.str, "DATABASE_URL", default)
    try:
        entry: dict[str, Any] = dict(env.db_url_config(url))
    except (TypeError, ValueError, environ.ImproperlyConfigured) as error:
        raise SystemExit(f"The environment variable DATABASE_URL is malformed: {error}.") from None
    if entry.get("ENGINE") != "django.db.backends.postgresql":
        raise SystemExit(
            "DATABASE_URL must start with postgres:// - Attune keeps its record there."
        )
    if not entry.get("USER"):
        # libpq would fall back to the name of the system user, which is root in many containers.
        entry["USER"] = _read(env.str, "PGUSER", "postgres")
    entry["CONN_MAX_AGE"] = None
    entry["CONN_HEALTH_CHECKS"] = True
    return entry


def _email(env: environ.Env) -> dict[str, Any]:
    """Return the settings of EMAIL_URL, such as smtp+tls://user:password@mail.example:587."""
    try:
        found: dict[str, Any] = dict(env.email_url("EMAIL_URL", default="filemail://"))
    except (TypeError, ValueError, KeyError, environ.ImproperlyConfigured):
        raise SystemExit(
            "The environment variable EMAIL_URL is malformed: it looks like "
            "smtp+tls://user:password@mail.example:587."
        ) from None
    return found


def _second_factor(env: environ.Env) -> str:
    """Return whether officers and administrators need one; "" for what the settings say."""
    value = str(_read(env.str, "SECOND_FACTOR", ""))
    return value and _one_of("SECOND_FACTOR", value, ("required", "optional"))


def _header(name: str) -> str:
    """Return the key under which a request has a header: "X-Region" is HTTP_X_REGION."""
    return f"HTTP_{name.strip().upper().replace('-', '_')}" if name.strip() else ""


def _one_of(name: str, value: str, words: tuple[str, ...]) -> str:
    """Return a value that is one of these words."""
    if value not in words:
        raise SystemExit(f"{name} is {' or '.join(words)}, unlike {value!r}.")
    return value


def _origin(value: str) -> str:
    """Return an origin without its trailing slash; empty stays empty."""
    if value and not value.startswith(("http://", "https://")):
        raise SystemExit(f"An origin starts with http:// or https://, unlike {value!r}.")
    return value.rstrip("/")


ENV = load()

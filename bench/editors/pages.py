"""Every page of the admin, opened twice by a fresh process, and what it took.

The pages are found in the admin's addresses, as the browser tests find them. Each is opened by a
process of its own that has just begun and has met nobody: a fork of one that has done what a web
process does before its first request.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time
from typing import Any, Final, NoReturn
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.browser.every_page import Address, every_address

LIMIT_MS: Final = 1_000
ROLES: Final = ("administrator", "editor")
TOLD_MS: Final = 500  # pages that take less are not told one by one


@dataclass(frozen=True, slots=True)
class Opened:
    """One page as one role meets it.

    Attributes:
        first_ms, again_ms: the first request of a process, and the next one for the same page.
        first_cpu_ms, again_cpu_ms: processor time of the same, the servers' included: other work on
            the machine adds nothing to it.
        queries: statements of the second.
        slowest: of the first: the statement that took longest, with its milliseconds.
    """

    role: str
    name: str
    path: str
    first_ms: float
    again_ms: float
    first_cpu_ms: float
    again_cpu_ms: float
    queries: int
    kilobytes: float
    slowest: tuple[float, str]

    @property
    def is_slow(self) -> bool:
        """Whether an editor waits for it longer than a second, in a fresh process or later."""
        return max(self.first_ms, self.again_ms) > LIMIT_MS


class Failed(Exception):
    """A page answered with a server error, or a process died."""


def staff(role: str) -> User:
    """Return the colleague of a role; made where there is none."""
    user, _ = User.objects.get_or_create(username=role, defaults={"is_staff": True})
    user.groups.set([Group.objects.get(name=role)])
    return user


def addresses(known: Mapping[str, object], without_row: set[str]) -> list[Address]:
    """Return every page, lists as they are searched and leafed through, and tools at work."""
    found = every_address(known, without_row)
    for address in list(found):
        if address.name.endswith("_changelist"):
            found.append(Address(f"{address.name} ?q", f"{address.path}?q=12"))
            found.append(Address(f"{address.name} ?p", f"{address.path}?p=2"))
    return found + [
        Address(f"{name} {words}", f"{reverse(f'admin:{name}')}?{urlencode(asked, doseq=True)}")
        for name, words, asked in _AT_WORK
    ]


_RECORD: Final = "01980000-0000-7000-8000-000000000007"
_AT_WORK: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("preview", "of a place", {"placements": "place-7"}),
    ("preview", "of four", {"placements": "place-7, place-8", "pictures": 4, "b.by": "drafts"}),
    ("preview", "of drafts", {"placements": "place-7", "a.by": "drafts"}),
    ("preview", "of a publication", {"placements": "place-7", "a.by": "publication",
                                     "a.number": 1}),
    ("preview_options", "search", {"q": "12", "kind": "placement"}),
    ("why", "by record", {"record": _RECORD, "placement": "place-7"}),
    ("coverage", "search", {"q": "place-77"}),
    ("coverage", "leafed", {"page": 3}),
    ("coverage_themes", "leafed", {"page": 3}),
    ("rules_order", "of a place", {"placement": "place-7"}),
    ("rules_tree", "of a place", {"placement": "place-7"}),
    ("effect", "inside", {"part": 1}),
    ("effect", "of a publication", {"publication": 1}),
    ("audience", "of three", {"segment": ["segment-1", "segment-2", "segment-77"]}),
    ("audit", "leafed", {"page": 3}),
)  # fmt: skip


def open_all(
    pages: list[Address], servers_us: Callable[[], float], told: Callable[[str], None]
) -> list[Opened]:
    """Open every page as every role; what a role may not see is left out.

    Args:
        servers_us: the processor time that the servers have used so far.
    """
    found: list[Opened] = []
    for role in ROLES:
        client = Client(raise_request_exception=False, SERVER_NAME="localhost")
        client.force_login(staff(role))
        before = len(found)
        for address in pages:
            said = in_a_fork(partial(_opened, client, address.path, servers_us))
            if said["status"] >= 500:
                raise Failed(f"{address.path} as {role}: {said['status']}\n{said['text']}")
            if said["status"] == 200 and said["type"].startswith("text/html"):
                found.append(
                    Opened(
                        role, address.name, address.path, said["first_ms"], said["again_ms"],
                        said["first_cpu_ms"], said["again_cpu_ms"], said["queries"],
                        said["bytes"] / 1000, tuple(said["slowest"]),
                    )
                )  # fmt: skip
        told(f"{len(found) - before} pages as {role}")
    return found


def _opened(client: Client, path: str, servers_us: Callable[[], float]) -> dict[str, Any]:
    taken = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            before_us, cpu, began = servers_us(), process_time(), perf_counter()
            answer = client.get(path)
            body = _body(answer)
            ms, own_ms = 1000 * (perf_counter() - began), 1000 * (process_time() - cpu)
            cpu_ms = own_ms + (servers_us() - before_us) / 1000
            taken.append((ms, queries.captured_queries, cpu_ms))
        if answer.status_code != 200:
            break
    slowest = max(taken[0][1], key=lambda one: float(one["time"]), default=None)
    return {
        "status": answer.status_code,
        "type": answer.headers.get("Content-Type", ""),
        "text": body[:2000].decode(errors="replace") if answer.status_code >= 500 else "",
        "first_ms": taken[0][0],
        "again_ms": taken[-1][0],
        "first_cpu_ms": taken[0][2],
        "again_cpu_ms": taken[-1][2],
        "queries": len(taken[-1][1]),
        "bytes": len(body),
        "slowest": (1000 * float(slowest["time"]), slowest["sql"][:300]) if slowest else (0.0, ""),
    }


def _body(answer: Any) -> bytes:
    if isinstance(answer, HttpResponse):
        return answer.content
    return b"".join(answer.streaming_content)


def in_a_fork(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a fresh child of this process finds out, as JSON carries it.

    Raises:
        Failed: it died; it has said why.
    """
    connections.close_all()  # a child must not speak through its parent's connection
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _in_the_child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    if not said:
        raise Failed("A process that opened a page has died: see above.")
    found: dict[str, Any] = json.loads(said)
    return found


def _in_the_child(work: Callable[[], dict[str, Any]], writing: int) -> NoReturn:
    status = 1
    try:
        said = json.dumps(work()).encode()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(said)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)  # nothing of the parent's is to be cleaned up here


def table(found: list[Opened]) -> str:
    """Return the pages that take some time as a table, the slowest first, and how many do not."""
    told = [one for one in found if max(one.first_ms, one.again_ms) > TOLD_MS]
    heads = ("page", "as", "first, ms", "CPU ms", "again, ms", "CPU ms", "queries", "kB", "")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for one in sorted(told, key=lambda one: -max(one.first_ms, one.again_ms)):
        mark = "**slow**" if one.is_slow else ""
        lines.append(
            f"| {one.name} | {one.role} | {one.first_ms:,.0f} | {one.first_cpu_ms:,.0f} "
            f"| {one.again_ms:,.0f} | {one.again_cpu_ms:,.0f} "
            f"| {one.queries} | {one.kilobytes:,.0f} | {mark} |"
        )
    rest = len(found) - len(told)
    lines.append(f"| {rest} more | | < {TOLD_MS} | | < {TOLD_MS} | | | | |")
    return "\n".join(lines)

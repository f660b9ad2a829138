"""`python -m bench editors`: every page of the admin with 10,000 blocks, 1,000 segments, 1,000,000
people; and what publishing costs there.

It runs on servers of its own. The exit status is 1 when a page takes longer than a second, the
first in a process or the next, or when something fails.
"""

import argparse
import dataclasses
import json
import logging
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bench.report import Bar, bars_json
from bench.segments.parts import django_on_servers
from bench.segments.servers import Servers
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

if TYPE_CHECKING:
    from bench.editors.pages import Opened

RESULTS: Final = PROJECT_ROOT / "bench" / "results"
WAIT_MS: Final = 50


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the site is."""

    profiles: int = 1_000_000
    events: int = 2_000_000
    segments: int = 1_000
    blocks: int = 10_000
    rules: int = 500
    triggers: int = 50
    publications: int = 200
    records: int = 300_000


QUICK: Final = Scale(
    profiles=20_000, events=40_000, segments=100, blocks=1_000, rules=100, triggers=20,
    publications=20, records=20_000,
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write bench/results/editors-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench editors", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 blocks, 20,000 people")
    options = parser.parse_args(arguments)
    scale = QUICK if options.quick else Scale()
    began = time.monotonic()
    result: dict[str, Any] = {}
    with stopping_on_signals(), django_on_servers() as servers:
        result = _measured(scale, servers)
    if not result:
        return 130
    _write({**result, "seconds": round(time.monotonic() - began, 1)})
    return 0 if all(bar["held"] for bar in result["bars"]) else 1


def _measured(scale: Scale, servers: Servers) -> dict[str, Any]:
    # These need Django.
    from apps.work import clock
    from apps.work.collector import spare_the_collector
    from bench.editors import pages, publishing
    from bench.editors.history import History
    from bench.editors.site import make_site
    from bench.segments.data import NOW

    logging.disable(logging.ERROR)  # pages that want a POST, static files that nobody asks for
    warnings.simplefilter("ignore")
    clock.replace(lambda: NOW, is_everywhere=False)
    taken: dict[str, float] = {}
    site = make_site(scale, _stepped(taken))
    history = History(scale.publications, scale.records)
    taken["publishing"], published = _timed(
        lambda: publishing.publish_all(site.id, history, servers.cpu_us)
    )
    for name, value in published.items():
        print(f"{name:<40}{value:>10.2f}", flush=True)
    known, without_row = site.known(scale.publications)
    spare_the_collector()  # as a web process does before its first request
    taken["opening"], found = _timed(
        lambda: pages.open_all(pages.addresses(known, without_row), servers.cpu_us, _say)
    )
    print("\n" + pages.table(found) + "\n", flush=True)
    bars = _bars(found, published)
    print("\n".join(bar.line() for bar in bars), flush=True)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processors": os.cpu_count(), "kind": platform.machine()},
        "python": platform.python_version(),
        "scale": dataclasses.asdict(scale),
        "steps_s": {name: round(value, 1) for name, value in taken.items()},
        "publishing": published,
        "pages": [dataclasses.asdict(one) for one in found],
        "bars": bars_json(bars),
    }


def _bars(found: "list[Opened]", published: dict[str, float]) -> list[Bar]:
    slowest = max(found, key=lambda one: one.first_ms)
    again = max(found, key=lambda one: one.again_ms)
    waited = published["taking over, others_waited_ms"]
    return [
        Bar(f"{slowest.name}, first in a process", slowest.first_ms, 1_000, True, "ms"),
        Bar(f"{again.name}, again", again.again_ms, 1_000, True, "ms"),
        Bar("a publication is taken over: others wait", waited, WAIT_MS, True, "ms"),
    ]


def _stepped(taken: dict[str, float]) -> Callable[[str, Callable[[], Any]], Any]:
    """Return what does a step, says it, and notes how long it took."""

    def step(words: str, work: Callable[[], Any]) -> Any:
        taken[words], made = _timed(work)
        _say(f"{words}: {taken[words]:.1f} s")
        return made

    return step


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    made = work()
    return time.monotonic() - began, made


def _write(result: dict[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"editors-{result['at'].replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{result['seconds']:.0f} s; all figures: {path.relative_to(PROJECT_ROOT)}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)

"""`python -m bench soak --minutes 30`: does a consumer, or what it keeps in hot state, ever grow?

A consumer of its own folds a steady stream of events for 100 live segments. Nine batches in ten
come from visitors who return all the time: so few that their histories are full after a fifth of
the run. One batch in ten comes from visitors never seen before. What is compared is the last fifth
of the run with the second, when everything is warm.

The exit status is 1 when a bar is missed.
"""

import argparse
import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.report import Bar, bars_json
from bench.segments.parts import django_on_servers
from bench.segments.servers import Servers
from launcher.home import PROJECT_ROOT
from launcher.stack import stopping_on_signals

if TYPE_CHECKING:
    from bench.consumer_segments import Owner

RESULTS = PROJECT_ROOT / "bench" / "results"
SAMPLES: Final = 100  # in a run, but not oftener than every two seconds
LOOKED_AT: Final = 100  # visitors whose hot state is weighed for a sample
NEW_EVERY: Final = 10  # batches
VISITORS_A_BATCH: Final = 4
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at what runs.

    Attributes:
        at_s: since the stream began.
        events: sent so far.
        profiles: that the site has.
        consumer: resident bytes of the consumer.
        valkey: bytes that Valkey says it uses, everything included.
        regular, new: median bytes of hot state of a visitor who returns, of one seen once.
        waiting: events not folded yet, as rows of the inbox.
    """

    at_s: float
    events: int
    profiles: int
    consumer: int
    valkey: int
    regular: float
    new: float
    waiting: int


def fifth(samples: Sequence[Sample], place: int) -> Sequence[Sample]:
    """Return the samples of a fifth of the run, 0 to 4; at least one."""
    size = max(1, len(samples) // 5)
    start = min(place * size, len(samples) - size)
    return samples[start:] if place == 4 else samples[start : start + size]


def growth(samples: Sequence[Sample], read: Callable[[Sample], float]) -> float:
    """Return the median in the last fifth of the run to the median in the second."""
    before, after = (statistics.median(map(read, fifth(samples, place))) for place in (1, 4))
    return after / before


def bars(samples: Sequence[Sample], per_s: int) -> list[Bar]:
    """What must not grow, and that the consumer keeps up: at most two seconds wait at the end."""
    waiting = statistics.median(sample.waiting for sample in fifth(samples, 4))
    return [
        Bar("consumer's memory at the end", growth(samples, lambda s: s.consumer), 1.05, True, "x"),
        Bar("hot state of who returns", growth(samples, lambda s: s.regular), 1.05, True, "x"),
        Bar("inbox rows waiting at the end", waiting, 2 * per_s / 20, True, "rows"),
    ]


def lines(samples: Sequence[Sample]) -> str:
    """Return the run as a person reads it: a line for each fifth."""
    head = ("events", "profiles", "consumer", "Valkey", "who returns", "who is new", "waiting")
    found = [f"{'to':>8}" + "".join(f"{word:>13}" for word in head)]
    for place in range(5):
        part = fifth(samples, place)
        last = part[-1]
        middle = _medians(part)
        cells = (
            f"{last.events:,}",
            f"{last.profiles:,}",
            f"{middle['consumer'] / MIB:.1f} MiB",
            f"{middle['valkey'] / MIB:.1f} MiB",
            f"{middle['regular']:,.0f} B",
            f"{middle['new']:,.0f} B",
            f"{middle['waiting']:,.0f}",
        )
        found.append(f"{last.at_s:>6.0f} s" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(found)


def _medians(part: Sequence[Sample]) -> Mapping[str, float]:
    names = ("consumer", "valkey", "regular", "new", "waiting")
    return {name: statistics.median(getattr(one, name) for one in part) for name in names}


def regulars(per_s: int, seconds: float, kept: int) -> int:
    """How many visitors return, so that each has sent `kept` events after a fifth of the run."""
    sent = per_s * seconds / 5 * (NEW_EVERY - 1) / NEW_EVERY
    return max(2 * VISITORS_A_BATCH, int(sent / kept))


# The run


def run(servers: Servers, seconds: float, per_s: int) -> list[Sample]:
    """Send `per_s` events a second for so long, beside a consumer; return what was seen."""
    from apps.events import inbox
    from apps.events.history import MAX_HAPPENINGS
    from apps.work import clock
    from bench.consumer_segments import EVENTS_A_BATCH, happened, related
    from bench.consumer_timing import make_owner

    owner = make_owner(list(related(100)))
    returning = [f"v{n}" for n in range(regulars(per_s, seconds, MAX_HAPPENINGS))]
    people = _batches(returning)
    period_s, every_s = EVENTS_A_BATCH / per_s, max(2.0, seconds / SAMPLES)
    samples: list[Sample] = []
    newcomers: deque[str] = deque(maxlen=LOOKED_AT)
    sent = 0
    with servers.consumer() as consumer:
        began = time.perf_counter()
        while (at_s := time.perf_counter() - began) < seconds:
            if at_s >= (len(samples) + 1) * every_s:
                weighed = (returning[:LOOKED_AT], list(newcomers))
                samples.append(_sample(at_s, sent, owner, consumer, weighed))
            now = clock.now()
            visitors = next(people)
            if visitors[0].startswith("n"):
                newcomers.extend(visitors)
            steps = EVENTS_A_BATCH // VISITORS_A_BATCH
            events = [
                happened(visitor, clock.to_ms(now) - step, sent + step)
                for visitor in visitors
                for step in range(steps)
            ]
            sent += inbox.store(owner, events, sent_ms=None, received_at=now)
            time.sleep(max(0.0, began + sent / per_s - time.perf_counter(), 0.1 * period_s))
    return samples


def _batches(returning: Sequence[str]) -> Iterator[list[str]]:
    """Yield the visitors of batch after batch: everybody returns equally often."""
    waiting: deque[str] = deque(returning)
    batch = newcomers = 0
    while True:
        batch += 1
        if batch % NEW_EVERY == 0:
            newcomers += VISITORS_A_BATCH
            yield [f"n{newcomers - n}" for n in range(VISITORS_A_BATCH)]
        else:
            yield list(waiting)[:VISITORS_A_BATCH]
            waiting.rotate(-VISITORS_A_BATCH)


def _sample(
    at_s: float, sent: int, owner: "Owner", consumer: int, weighed: tuple[list[str], list[str]]
) -> Sample:
    """Look at everything; `weighed`: visitors who return, and visitors seen once."""
    from django.db import connection

    from apps.decisions import hot_wire
    from apps.profiles.models import Profile

    with hot_wire.patiently():
        [info] = hot_wire.ask(hot_wire.command("INFO", "memory"), 1)
    (used,) = (line[12:] for line in info.decode().split() if line.startswith("used_memory:"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_inbox")
        (waiting,) = cursor.fetchone()
    regular, new = (_hot_bytes(owner, names) for names in weighed)
    profiles = Profile.objects.filter(site_id=owner.site_id).count()
    return Sample(
        at_s, sent, profiles, resident_bytes(consumer), int(used), regular, new, int(waiting)
    )


def _hot_bytes(owner: "Owner", visitors: Sequence[str]) -> float:
    """Return the median bytes that Valkey spends on the state of a visitor, key included; or 0."""
    from apps.decisions import generation, hot_state, hot_wire
    from apps.profiles.models import Identity

    prefix = generation.prefix(generation.current())
    known = Identity.objects.filter(site_id=owner.site_id, value__in=visitors)
    commands = [
        hot_wire.command("MEMORY", "USAGE", hot_state.state_key(prefix, profile_id.hex))
        for profile_id in known.values_list("profile_id", flat=True)
    ]
    if not commands:
        return 0
    with hot_wire.patiently():
        found = hot_wire.ask(b"".join(commands), len(commands))
    sizes = [size for size in found if isinstance(size, int)]
    return statistics.median(sizes) if sizes else 0


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def main(arguments: Sequence[str]) -> int:
    """Run, print, write bench/results/soak-<time>.json."""
    parser = argparse.ArgumentParser(prog="python -m bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--per-second", type=int, default=400, help="events")
    options = parser.parse_args(arguments)
    samples: list[Sample] = []
    with stopping_on_signals(), django_on_servers() as servers:
        samples = run(servers, options.minutes * 60, options.per_second)
    if not samples:
        return 130
    found = bars(samples, options.per_second)
    print(lines(samples), "\n" + "\n".join(bar.line() for bar in found), sep="\n", flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    result = {
        "at": now,
        "minutes": options.minutes,
        "per_s": options.per_second,
        "samples": [asdict(sample) for sample in samples],
        "bars": bars_json(found),
    }
    path = RESULTS / f"soak-{now.replace(':', '')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(bar.is_held for bar in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

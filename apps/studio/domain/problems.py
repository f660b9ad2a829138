"""What is wrong with a site and what to do about it, in words. Pure: counts in, advice out."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from apps.segments.types import Freshness
from apps.studio.domain.ages import ago_words, span_words
from apps.studio.types import Backlog, Held, Intake, Learned, Piece, Problem, Processes

LATE_S = 5.0  # the oldest batch; a consumer that runs is done within a tenth of this
IDLE_WORK = timedelta(seconds=60)
STALE_SEGMENT = timedelta(hours=2)  # the schedule refreshes every quarter of an hour
STALE_MODEL = timedelta(days=7)
# What stands still without a role, and how a process of it is started.
ROLES = {
    "consumer": (
        "bad",
        "events wait, and visitors are judged by what was known before",
        "python manage.py consume",
    ),
    "worker": (
        "bad",
        "segments are not refreshed, models not scored, lists not read",
        "celery -A config worker --queues fast,slow",
    ),
    "beat": (
        "bad",
        "nothing happens by schedule, and work that was lost is not found",
        "celery -A config beat",
    ),
    "stream": (
        "warn",
        "open pages hear of changes only when they are loaded again",
        "granian --interface asginl --port 8001 config.asgi:application",
    ),
}
NAMED = 3  # things named one by one before the rest are counted


def of_backlog(backlog: Backlog) -> Iterator[Problem]:
    """A consumer that does not run, does not keep up, or met batches that it cannot fold."""
    if backlog.set_aside:
        rows = f"{backlog.set_aside:,} {_plural(backlog.set_aside, 'batch', 'batches')} of events"
        yield Problem(
            "bad",
            f"{rows} could not be folded and {_plural(backlog.set_aside, 'was', 'were')} set "
            "aside: the consumer's log says why. When that is mended, put them back with",
            command="python manage.py consume --put-back",
        )
    if not backlog.waiting or backlog.oldest_s < LATE_S:
        return
    rows = f"{backlog.waiting:,} {_plural(backlog.waiting, 'batch', 'batches')}"
    yield Problem(
        "bad",
        f"The consumer has not folded for {span_words(backlog.oldest_s)}: {rows} of events wait, "
        "and visitors are judged by what was known before. Start it with",
        command="python manage.py consume",
    )


def of_processes(processes: Processes) -> Iterator[Problem]:
    """A store or a process that is not there."""
    if not processes.has_redis:
        yield Problem(
            "bad",
            "Redis does not answer: decisions take longer, what frequency caps limit is held back, "
            "and no work is given out. Start it, or see REDIS_URL.",
        )
    for role in processes.missing:
        if role in ROLES:
            level, harm, command = ROLES[role]
            text = f"No {role} process runs: {harm}. The launcher starts one by itself; else type"
            yield Problem(level, text, command=command)


def of_quarantine(held: Sequence[Held], link: str) -> Iterator[Problem]:
    """Refused events that somebody can repair."""
    total = sum(one.count for one in held)
    if not total:
        return
    why = _listed([f"{one.code} ({one.count:,})" for one in held])
    verb = "waits" if total == 1 else "wait"
    text = f"{total:,} {_plural(total, 'event', 'events')} {verb} in quarantine: {why}."
    yield Problem("warn", text, link=link, link_words="Repair and replay")


def of_intake(intake: Intake) -> Iterator[Problem]:
    """Much that was dropped for want of consent."""
    day = intake.day
    came = day.accepted + day.without_consent
    if day.without_consent and day.without_consent * 2 > came:
        yield Problem(
            "info",
            f"{day.without_consent:,} of {came:,} events of the last day were not stored: "
            "their visitors have not consented.",
        )


def of_segments(segments: Sequence[Freshness], now: datetime, link: str) -> Iterator[Problem]:
    """Segments that are empty, not ready, or were not refreshed for long."""
    live = [one for one in segments if one.state == "live" and not one.depends_on_request]
    groups = (
        ("warn", [one for one in live if one.size == 0], "is empty", "are empty"),
        (
            "info",
            [one for one in segments if one.state == "building"],
            "is still finding its first members",
            "are still finding their first members",
        ),
        (
            "warn",
            [one for one in live if _is_old(one.refreshed_at, now, STALE_SEGMENT)],
            f"was not refreshed for over {span_words(STALE_SEGMENT.total_seconds())}",
            f"were not refreshed for over {span_words(STALE_SEGMENT.total_seconds())}",
        ),
    )
    for level, found, one_is, they_are in groups:
        if found:
            names = _listed([f"“{segment.name}”" for segment in found])
            many = len(found) > 1
            text = f"{'Segments' if many else 'Segment'} {names} {they_are if many else one_is}."
            yield Problem(level, text, link=link, link_words="Segments")


def of_models(models: Sequence[Learned], now: datetime, link: str) -> Iterator[Problem]:
    """Models that have learned nothing yet, or long ago, and those that wait for somebody."""
    enabled = [model for model in models if model.is_enabled]
    for model in enabled:
        if model.trained_at is None and model.waits:
            text = (
                f"{model.what} “{model.name}” serves nothing yet: a version is trained and waits "
                "for your yes."
            )
            yield Problem("warn", text, link=link, link_words="Look at it")
        elif model.trained_at is None:
            text = f"{model.what} “{model.name}” has not been trained yet: it serves nothing."
            yield Problem("warn", text, link=link, link_words="Train it")
        elif now - model.trained_at > STALE_MODEL:
            text = (
                f"{model.what} “{model.name}” was trained {ago_words(model.trained_at, now)}: "
                "it may know last week's visitors better than today's."
            )
            yield Problem("info", text, link=link, link_words="Train it")


def of_work(pieces: Sequence[Piece], now: datetime, link: str) -> Iterator[Problem]:
    """Work that failed, and work that nobody takes up."""
    for piece in [one for one in pieces if one.state == "failed"][:NAMED]:
        why = piece.error.strip().splitlines()[-1][:200] if piece.error.strip() else "no reason"
        when = ago_words(piece.finished_at, now)
        yield Problem(
            "bad", f"“{piece.kind}” failed {when}: {why}", link=link, link_words="See the work"
        )
    idle = [one for one in pieces if one.state == "waiting" and now - one.run_after > IDLE_WORK]
    if idle and not any(one.state == "running" for one in pieces):
        since = span_words((now - min(one.run_after for one in idle)).total_seconds())
        verb = "waits" if len(idle) == 1 else "wait"
        yield Problem(
            "bad",
            f"{len(idle)} {_plural(len(idle), 'piece', 'pieces')} of work {verb} for {since}, "
            "and no worker takes them up. Start one with",
            command="celery -A config worker --queues fast,slow,train",
        )


def _is_old(moment: datetime | None, now: datetime, limit: timedelta) -> bool:
    return moment is not None and now - moment > limit


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

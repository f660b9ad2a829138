"""`replay_decisions`: decide again what was decided, and find what has been changed since."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from apps.access.selectors import find_site
from apps.decisions import past
from apps.decisions.past import Gap, Record
from apps.delivery.replaying import Outcome, Publications, Replayed, replay
from apps.work import clock

CHUNK: Final = 500
SHOWN: Final = 20  # that are told of in words; --json tells of all


class Command(BaseCommand):
    """Reads only. Exit status 1: something differs, has been changed or is gone."""

    help = (
        "Decide recorded decisions again from what they read and from the publication of then, and"
        " compare reason, variant, rule, experiment and content with what was served. Finds records"
        " that were changed, swapped or deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which records, and the facts that calls brought."""
        parser.add_argument("--site", metavar="KEY", help="of one site; all without it")
        parser.add_argument("--since", type=instant, metavar="TIME", help="ISO 8601, inclusive")
        parser.add_argument("--until", type=instant, metavar="TIME", help="ISO 8601, exclusive")
        parser.add_argument("--request", metavar="ID", help="one call, by its request id")
        parser.add_argument("--limit", type=int, metavar="N", help="at most so many records")
        parser.add_argument(
            "--facts", type=Path, metavar="FILE",
            help="JSON: request id -> the `facts` of that call, which are not kept.",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="one JSON document a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay, then say what was found."""
        site_id = None
        if options["site"] is not None:
            site = find_site(options["site"])
            if site is None:
                raise CommandError(f"There is no site '{options['site']}'.")
            site_id = site.pk
        found = past.records(
            site_id=site_id,
            request_id=options["request"],
            since=options["since"],
            until=options["until"],
        )
        if options["limit"] is not None:
            found = found[: options["limit"]]
        tally = _Tally(self, is_json=options["json"])
        publications, facts = Publications(), _facts(options["facts"])
        bar = _Bar(found.count())
        for record in found.iterator(chunk_size=CHUNK):
            tally.add(record, replay(record, publications, facts.get(record.request_id)))
            bar.step()
        bar.end()
        holes = []
        if options["request"] is None:
            holes = past.gaps(clock.now(), options["since"], options["until"])
        tally.end(holes)


class _Tally:
    """What has been found so far."""

    def __init__(self, command: BaseCommand, *, is_json: bool) -> None:
        self.command = command
        self.is_json = is_json
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[str] = Counter()
        self.told = 0

    def add(self, record: Record, found: Replayed) -> None:
        self.outcomes[found.outcome] += 1
        if found.outcome is Outcome.UNKNOWABLE:
            self.reasons[found.why] += 1
        if found.outcome is Outcome.SAME:
            return
        if self.is_json:
            self._line(
                request=record.request_id,
                record=str(record.pk),
                outcome=found.outcome.value,
                why=found.why or None,
                differences=[one._asdict() for one in found.differences],
            )
        elif found.outcome is not Outcome.UNKNOWABLE and self.told < SHOWN:
            self.told += 1
            self.command.stdout.write(f"{record.request_id} ({record.pk}): {found.outcome.value}")
            if found.why:
                self.command.stdout.write(f"  {found.why}")
            for one in found.differences:
                where = f"{one.placement} {one.field}".strip()
                self.command.stdout.write(f"  {where}: {one.recorded!r}, now {one.replayed!r}")

    def end(self, gaps: list[Gap]) -> None:
        deleted = sum(max(gap.missing, 0) for gap in gaps)
        doubled = sum(max(-gap.missing, 0) for gap in gaps)
        counts = {outcome.value: self.outcomes[outcome] for outcome in Outcome}
        counts |= {"missing records": deleted, "records too many": doubled}
        if self.is_json:
            for gap in gaps:
                self._line(
                    outcome="gap", writer=str(gap.writer), after=gap.after, before=gap.number,
                    missing=gap.missing,
                )  # fmt: skip
            self._line(summary=counts, reasons=dict(self.reasons))
        else:
            for gap in gaps[:SHOWN]:
                self.command.stdout.write(
                    f"writer {gap.writer}: {gap.missing} missing between numbers {gap.after} and "
                    f"{gap.number}, before {gap.at:%Y-%m-%d %H:%M:%S}"
                )
            total = sum(self.outcomes.values())
            told = ", ".join(f"{count} {name}" for name, count in counts.items())
            self.command.stdout.write(f"{total} decisions: {told}")
            for why, count in self.reasons.most_common(SHOWN):
                self.command.stdout.write(f"  {count} not replayable: {why}")
        is_wrong = self.outcomes[Outcome.DIFFERENT] or self.outcomes[Outcome.BROKEN] or gaps
        if is_wrong:
            raise CommandError("The log does not say what was served.")

    def _line(self, **said: Any) -> None:
        self.command.stdout.write(json.dumps(said, default=str))


class _Bar:
    """How far it is, on a terminal only."""

    WIDTH = 40

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.is_shown = sys.stderr.isatty() and total > CHUNK

    def step(self) -> None:
        self.done += 1
        if self.is_shown and self.done % 100 == 0:
            filled = self.WIDTH * self.done // max(self.total, self.done)
            bar = "#" * filled + "." * (self.WIDTH - filled)
            sys.stderr.write(f"\r[{bar}] {self.done:,} of {self.total:,}")
            sys.stderr.flush()

    def end(self) -> None:
        if self.is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def instant(text: str) -> datetime:
    """Read an instant; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a date or time as ISO 8601 has it, 2026-03-10T12:00") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _facts(path: Path | None) -> dict[str, Mapping[str, Any]]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise CommandError(f"{path} is no JSON object of request ids and their facts.")
    return found

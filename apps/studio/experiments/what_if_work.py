"""What another rule would have earned: the work behind the page, on the decision log.

One round is what a person was shown first in the period; what they did in the metric's time after
it is what it earned. So the rounds do not hang together, and nobody counts twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np

from apps.decisions import past
from apps.decisions.logged import records_of
from apps.delivery.other_rule import Otherwise, otherwise
from apps.experiments import what_ifs
from apps.experiments.what_ifs import AllShown, Question, Shown
from apps.studio.candidates import NoCandidate, why_not
from apps.studio.experiments.what_if_rules import OtherPublication, publication_of
from apps.work.services import Work
from engine.errors import PersonalizationError

MOST: Final = 20_000  # people; of more a sample
PIECE: Final = 500
STEPS: Final = 100
TOO_SOON: Final = (
    "Nobody's time for this metric is over yet: it takes {hours} hours after the first look. Ask "
    "about a longer period, or wait."
)
NOTHING_LOGGED: Final = (
    "Nobody who may be counted was shown anything here in this period of which the log says how "
    "likely it was."
)
NOBODY_KNOWN: Final = (
    "Of nobody can be told what this rule would have shown them: it reads what was not recorded."
)


def perform(task: Work, now: datetime) -> None:
    """Answer a question. Safe to run twice."""
    assert task.site_id is not None
    question = what_ifs.find(task.site_id, UUID(task.payload["what_if"]))
    if question is None or question.found is not None:
        return
    task.progress(0, STEPS, "Reading the log")
    try:
        other = publication_of(question.site_id, question.placement, question.policy)
        found = _Asking(question, other, task, now).found()
    except (NoCandidate, past.Unreadable, PersonalizationError) as error:
        what_ifs.refuse(question.id, why_not(error))
        return
    what_ifs.answer(question.id, found)


class _Asking:
    """One question while it is worked out."""

    def __init__(
        self, question: Question, other: OtherPublication | None, task: Work, now: datetime
    ) -> None:
        self.question, self.other, self.task, self.now = question, other, task, now
        self.metric = what_ifs.metric_of(question)
        self.rules: list[Otherwise] = []
        self.facts: list[dict[str, Any]] = []

    def found(self) -> dict[str, Any]:
        """Return the answer as a document: see `experiments.domain.what_if`."""
        log = self._log()
        if not log.first:
            raise NoCandidate(self._why_nothing())
        self._rules(log.first)
        rules = self.rules
        kept = [place for place, one in enumerate(rules) if one.shares]
        if not kept:
            raise NoCandidate(NOBODY_KNOWN)
        self.task.progress(STEPS - 10, STEPS, "Counting what came of it")
        return {
            "people": log.people,
            "sampled": len(log.first),
            "unlikely": log.unlikely,
            "unknown": len(rules) - len(kept),
            "estimated": sum(rules[place].is_estimated for place in kept),
            "since": self._since.isoformat(),
            "until": self._until.isoformat(),
        } | self._judged(log.first, kept)

    @property
    def _since(self) -> datetime:
        return self.now - timedelta(days=self.question.days)

    @property
    def _until(self) -> datetime:
        """Of whom the metric's time is over."""
        return self.now - timedelta(hours=self.metric.window_hours)

    def _log(self) -> AllShown:
        if self._until <= self._since:
            raise NoCandidate(TOO_SOON.format(hours=self.metric.window_hours))
        return self._shown(self._since, self._until, MOST)

    def _shown(self, since: datetime, until: datetime, most: int) -> AllShown:
        asked = self.question
        return what_ifs.shown_first(
            asked.site_id, asked.placement, since=since, until=until, most=most
        )

    def _why_nothing(self) -> str:
        later = self._shown(self._until, self.now, 1)
        return TOO_SOON.format(hours=self.metric.window_hours) if later.people else NOTHING_LOGGED

    def _rules(self, first: Sequence[Shown]) -> None:
        """Tell what the other rule would have shown each, and what was known of them."""
        policy, asked = self.question.policy, self.question
        for begin in range(0, len(first), PIECE):
            some = first[begin : begin + PIECE]
            decisions = [(one.profile_id, one.decided_ms) for one in some]
            records = records_of(asked.site_id, asked.placement, decisions)
            for one, record in zip(some, records, strict=True):
                segments = [] if record is None else record.facts.get("segments", [])
                is_known = str(record is not None)
                context = {**one.facts, "known": is_known}
                self.facts.append({"segments": segments, "context": context})
            if self.other is None:
                self.rules += [Otherwise({policy["variant"]: 1.0})] * len(some)
                continue
            told = otherwise(
                asked.site_id,
                self.other.served,
                asked.placement,
                [record for record in records if record is not None],
                self.other.hidden,
            )
            for record in records:
                self.rules.append(Otherwise({}) if record is None else next(told))
            self.task.progress((STEPS - 10) * begin // len(first), STEPS, "Deciding again")

    def _judged(self, first: Sequence[Shown], kept: Sequence[int]) -> dict[str, Any]:
        from apps.experiments.what_if_values import Rounds, columns, judged  # scikit-learn

        chosen, rules = [first[place] for place in kept], [self.rules[place] for place in kept]
        actions = sorted({one.variant for one in chosen}.union(*(rule.shares for rule in rules)))
        place = {variant: number for number, variant in enumerate(actions)}
        shares = np.zeros((len(chosen), len(actions)))
        for row, rule in enumerate(rules):
            for variant, share in rule.shares.items():
                shares[row, place[variant]] = share
        earned = what_ifs.rewards_of(self.metric, [(one.profile_id, one.at) for one in chosen])
        rounds = Rounds(
            actions,
            np.array([place[one.variant] for one in chosen], np.intp),
            np.array([one.propensity for one in chosen]),
            np.array(earned),
            shares,
            columns([self.facts[one] for one in kept]),
        )
        return judged(rounds, everybody=self.question.everybody)

"""What people's searches and chats ask for, as traits: `score.<key>` and `score.<key>.interest`.

The first is the intent by a lexicon: price, compare, question or exact. The second is the category
that people looked at after such words, where that can be foreseen better than by the plain rates.
Texts are read and forgotten; the model holds no words. Only workers import this module.
"""

import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
import sklearn
from django.db import connection

from apps.consent.declared import purpose_of
from apps.consent.gates import event_allows, sql_stands
from apps.consent.vouching import sql_vouched
from apps.predictions import artifacts, runs
from apps.predictions.domain import texts
from apps.predictions.domain.judging import Advantage, advantage
from apps.predictions.domain.searches import EVENTS, INTENT_WORDS, QUERY_KEYS, intents_of
from apps.predictions.domain.texts import LEAST_PEOPLE, Learned
from apps.predictions.errors import ModelRefused
from apps.predictions.models import ModelSpec, ModelVersion, Score, TrainingRun
from apps.predictions.writing import Said, write
from apps.work.ids import uuid7
from apps.work.types import Progress

logger = logging.getLogger(__name__)

CHATS: Final = ("Chat Message Sent", "Chat Message", "Message Sent")
KEYS: Final = (*QUERY_KEYS, "text", "message")
MOST: Final = 50_000  # texts that are learned from, the newest
OF_ONE: Final = 5  # texts of a person that count, the newest
CLICKED_WITHIN: Final = timedelta(minutes=30)
LONGEST_LABEL: Final = 200  # characters of a category, as a score keeps it
LEAST_CLICKS: Final = 30  # after texts, of a category
JUDGED: Final = 0.25  # the newest of the texts
SURE: Final = 0.5  # what an interest needs to be told
INTEREST: Final = "interest"
BATCH: Final = 5_000

# {clicked}: the category of what was looked at next, or nothing.
_TEXTS = """
SELECT q.profile_id, q.text, {clicked} FROM (
  SELECT e.profile_id, e.occurred_at, left(coalesce({keys}), 300) AS text FROM events_event e
  WHERE e.site_id = %(site)s AND {allowed} AND e.name = ANY(%(names)s)
    AND e.occurred_at > %(since)s AND e.occurred_at <= %(now)s
    AND e.profile_id IN (
      SELECT s.profile_id FROM profiles_profilestate s WHERE s.site_id = %(site)s AND {willing})
  ORDER BY e.occurred_at DESC, e.profile_id LIMIT %(most)s
) q WHERE q.text <> '' ORDER BY q.occurred_at, q.profile_id, q.text
"""
_CLICKED = """(
  SELECT c.category FROM events_event c WHERE c.profile_id = q.profile_id AND c.site_id = %(site)s
    AND {allowed} AND c.category IS NOT NULL AND NOT c.name = ANY(%(names)s)
    AND c.occurred_at > q.occurred_at AND c.occurred_at <= q.occurred_at + %(within)s
  ORDER BY c.occurred_at LIMIT 1)"""


@dataclass(frozen=True, slots=True)
class Text:
    """One text, who wrote it, and the category that they looked at next."""

    profile_id: UUID
    text: str
    category: str | None


def train(spec: ModelSpec, run: TrainingRun, now: datetime, progress: Progress) -> None:
    """Learn what texts are about, where what was looked at after them tells.

    Raises:
        ModelRefused: too few people write anything.
    """
    runs.at_stage(run, "Reading texts")
    progress(0, 3, "Reading texts")
    rows = read(spec, now=now, days=spec.window_days, with_clicks=True)
    people = len({row.profile_id for row in rows})
    run.rows = len(rows)
    run.positives = sum(row.category is not None for row in rows)
    if people < LEAST_PEOPLE:
        raise ModelRefused(
            f"Too few texts: {people} people searched or wrote in the last {spec.window_days} days "
            f"and allow it, and {LEAST_PEOPLE} are needed. Searches are events such as "
            f"“{EVENTS[0]}” with the property “{QUERY_KEYS[0]}”."
        )
    runs.at_stage(run, "Learning")
    progress(1, 3, "Learning")
    found, words, why = learned(rows)
    text = json.dumps({"interest": None if found is None else found.document()})
    version = _version(spec, rows, now)
    version.card = _card(rows, people, found, words, why)
    version.gates = [["beats_plain", True, why]]
    version.artifact_sha256 = artifacts.store(version.pk, text)
    version.signature = artifacts.sign(version)
    runs.keep(version)
    run.version = version
    progress(3, 3, "Done")
    said = "intents and interests" if found is not None else "intents"
    runs.finish(
        run,
        TrainingRun.State.READY,
        f"Version {version.number} is ready and waits for a yes: it tells {said}. {why}",
    )


def score(spec: ModelSpec, version: ModelVersion, now: datetime, progress: Progress) -> int:
    """Say what people's newest texts ask for; of who writes no more it is taken back.

    Raises:
        ArtifactBroken: its file is missing or is not what was stored.
    """
    document = json.loads(artifacts.load(version))["interest"]
    found = None if document is None else Learned.of(document)
    own: dict[UUID, list[str]] = {}
    for row in read(spec, now=now, days=spec.active_days, with_clicks=False):
        own.setdefault(row.profile_id, []).append(row.text)
    before = Score.objects.filter(spec=spec).values_list("profile_id", flat=True).distinct()
    everybody = sorted({*own, *before})
    for start in range(0, len(everybody), BATCH):
        some = everybody[start : start + BATCH]
        intents: dict[UUID, Said] = {}
        interests: dict[UUID, Said] = {}
        for profile_id in some:
            newest = own.get(profile_id, [])[-OF_ONE:]
            intents[profile_id] = texts.intent_of(newest)
            interests[profile_id] = None if found is None else found.about(newest, SURE)
        write(spec, version, {"": intents, INTEREST: interests}, now)
        progress(start + len(some), len(everybody), "people looked at")
    return len(everybody)


def read(spec: ModelSpec, *, now: datetime, days: int, with_clicks: bool) -> list[Text]:
    """Return the newest texts of people who allow it, oldest first. One statement."""
    purpose = purpose_of(spec.purpose)
    clicked = _CLICKED.format(allowed=event_allows("c", purpose)) if with_clicks else "NULL"
    statement = _TEXTS.format(
        clicked=clicked,
        keys=", ".join(f"nullif(e.properties ->> '{key}', '')" for key in KEYS),
        allowed=event_allows("e", purpose),
        willing=sql_stands(
            "s", purpose, vouched=sql_vouched("%(site)s::uuid"), now="%(now)s::timestamptz"
        ),
    )
    parameters: dict[str, Any] = {
        "site": str(spec.site_id),
        "names": [*EVENTS, *CHATS],
        "since": now - timedelta(days=days),
        "now": now,
        "within": CLICKED_WITHIN,
        "most": MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Text(*row) for row in cursor.fetchall()]


def learned(rows: Sequence[Text]) -> tuple[Learned | None, dict[str, list[str]], str]:
    """Return what tells interests, the words that tell most, and how well, in a sentence."""
    frequent = _frequent(rows)
    clicks = [row for row in rows if row.category in frequent]
    cut = int(len(clicks) * (1 - JUDGED))
    teach, judge = clicks[:cut], clicks[cut:]
    taught = {row.category for row in teach}
    judge = [row for row in judge if row.category in taught]
    if len(taught) < 2 or not judge:
        why = (
            f"Interests are not told: two categories are needed that {LEAST_CLICKS} texts of "
            f"{LEAST_PEOPLE} people led to."
        )
        return None, {}, why
    shared = texts.shared_grams([row.text for row in teach], [row.profile_id for row in teach])
    if not shared:
        return None, {}, "Interests are not told: no word was written by enough people."
    grams = sorted(shared)
    found = texts.learned([row.text for row in teach], [row.category or "" for row in teach], grams)
    gained, hits = _judged(found, teach, judge)
    share = f"{hits:.0%} of the newest {len(judge)} texts"
    if not gained.is_certain:
        why = (
            "Interests are not told: after a text people look at what everybody looks at (right "
            f"for {share}, which may be luck)."
        )
        return None, {}, why
    why = f"The category that people look at after a text is foreseen right for {share}."
    return found, texts.telling_words(found, grams), why


def _frequent(rows: Sequence[Text]) -> set[str]:
    """The categories that enough texts of enough people led to, the most frequent ones."""
    count: dict[str, int] = {}
    who: dict[str, set[UUID]] = {}
    for row in rows:
        if row.category is not None:
            count[row.category] = count.get(row.category, 0) + 1
            who.setdefault(row.category, set()).add(row.profile_id)
    enough = [
        name
        for name in count
        if count[name] >= LEAST_CLICKS
        and len(who[name]) >= LEAST_PEOPLE
        and len(name) <= LONGEST_LABEL
    ]
    return set(sorted(enough, key=lambda name: (-count[name], name))[: texts.MOST_CLASSES])


def _judged(
    found: Learned, teach: Sequence[Text], judge: Sequence[Text]
) -> tuple[Advantage, float]:
    """How much less surprised it is than the plain rates, and how often it is right."""
    place = {name: n for n, name in enumerate(found.classes)}
    true = np.array([place[row.category or ""] for row in judge])
    said = found.probabilities([row.text for row in judge])
    counts = np.bincount([place[row.category or ""] for row in teach], minlength=len(place))
    plain = np.log(counts / counts.sum())
    own = -np.log(np.maximum(said[np.arange(len(true)), true], 1e-9))
    gained = advantage(own.tolist(), (-plain[true]).tolist())
    return gained, float((said.argmax(1) == true).mean())


def _card(
    rows: Sequence[Text],
    people: int,
    found: Learned | None,
    words: dict[str, list[str]],
    why: str,
) -> dict[str, Any]:
    """What is told of it: counts, and words that at least LEAST_PEOPLE people wrote."""
    counts: dict[str, int] = {}
    for row in rows:
        for intent in intents_of(row.text):
            counts[intent] = counts.get(intent, 0) + 1
    told = [["What it read", f"{len(rows):,} searches and messages of {people:,} people."]]
    told += [
        [f"Intent “{intent}”", f"{count / len(rows):.0%} of the texts: {INTENT_WORDS[intent]}."]
        for intent, count in sorted(counts.items(), key=lambda one: -one[1])
    ]
    told.append(["Interest", why])
    told += [
        [f"Interest “{name}”", f"Told most by: {', '.join(some)}."]
        for name, some in sorted(words.items())
        if some
    ]
    return {"kind": "intent", "words": told, "interests": len(found.classes) if found else 0}


def _version(spec: ModelSpec, rows: Sequence[Text], now: datetime) -> ModelVersion:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.profile_id} {row.text} {row.category}\n".encode())
    return ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=now,
        method="linear",
        feature_names=[],
        calibration={},
        data_sha256=digest.hexdigest(),
        lineage={
            "question": {"kind": spec.kind, "window_days": spec.window_days},
            "hyperparameters": {"buckets": texts.BUCKETS, "strength": texts.STRENGTH},
            "rows_sha256": digest.hexdigest(),
            "software": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scikit-learn": sklearn.__version__,
            },
        },
    )

"""Reading features: who is looked at, from what, and as of when they have to allow it."""

import io
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import OperationalError, connection, transaction
from numpy.typing import NDArray

from apps.access.site_time import zone_of
from apps.consent.declared import MODEL_TRAINING, purpose_of
from apps.consent.gates import sql_stands
from apps.consent.vouching import sql_vouched
from apps.events import feature_marks
from apps.predictions import days, feature_words
from apps.predictions.days import allowed_for
from apps.predictions.domain.feature_names import Feature, features_of
from apps.predictions.domain.feature_parts import DAY_MS
from apps.predictions.domain.feature_sums import Words
from apps.predictions.features_sql import Look
from apps.predictions.models import ModelSpec
from apps.profiles.kept_out import sql_teaches
from apps.work import clock

logger = logging.getLogger(__name__)

Matrix = NDArray[np.float64]

MAX_ROWS_A_MOMENT: Final = 20_000  # a sample of visitors, so that memory and time stay bounded
LONGEST: Final = "60s"  # beyond it, days of people who are marked are read as they are
RECEIVED: Final = ModelSpec.KnowsBy.RECEIVED.value
_HEADER: Final = 19  # bytes before the first row of a binary COPY
_TRAILER: Final = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which features, for what, and what counts as known.

    Attributes:
        purpose: what the model is declared to be for.
        knows_by: "occurred" or "received".
        window_days: how far back they look.
    """

    names: tuple[str, ...]
    purpose: str
    knows_by: str
    window_days: int


# {allowed} is asked of each event's stamp, {willing} of each person as of now.
_WILLING = (
    "EXISTS (SELECT FROM profiles_profilestate s WHERE s.profile_id = {who}"
    " AND s.site_id = %(site)s::uuid AND s.merged_into IS NULL AND {willing})"
)
GIVEN: Final = """
SELECT g.profile_id, g.place, %(as_of)s::timestamptz AS as_of
FROM unnest(%(profiles)s::uuid[]) WITH ORDINALITY AS g(profile_id, place)
WHERE {willing} AND ({active})
"""
SEEN: Final = """
SELECT o.profile_id, %(as_of)s::timestamptz AS as_of
FROM ({active}) o WHERE {willing} AND {teaches}
ORDER BY md5(o.profile_id::text || %(seed)s) LIMIT %(most)s
"""


def read(
    spec: ModelSpec,
    wanted: Wanted,
    people: str,
    labels: Sequence[str],
    as_of: datetime,
    now: datetime,
    more: Mapping[str, Any],
) -> tuple[list[UUID], Matrix]:
    """Return people in the order of their ids, and what `labels` say and then their features.

    The numbers are float64 (people, labels and features), NaN where there is nothing. A person
    whose events take too long is read as their days were summed up.

    Args:
        people: GIVEN, with `profiles` among `more`, or SEEN.
        labels: expressions of SQL on a row `p` of `people`.
        now: the moment as of which people have to allow it.
    """
    look = _look(spec, wanted, as_of)
    try:
        return _rows(spec, look, people, labels, now, more)
    except OperationalError:
        if not look.has_days or connection.in_atomic_block:
            raise
        logger.warning("predictions.events_take_too_long", extra={"spec": spec.pk})
        look = _look(spec, wanted, as_of, trusts_marked=True)
        return _rows(spec, look, people, labels, now, more)


def _rows(
    spec: ModelSpec,
    look: Look,
    people: str,
    labels: Sequence[str],
    now: datetime,
    more: Mapping[str, Any],
) -> tuple[list[UUID], Matrix]:
    asked = people.format(
        teaches=sql_teaches("o.profile_id"),
        active=_active_one(look) if people is GIVEN else _active(look),
        willing=_WILLING.format(
            who="g.profile_id" if people is GIVEN else "o.profile_id",
            willing=sql_stands(
                "s", purpose_of(spec.purpose), vouched=sql_vouched("%(site)s::uuid"),
                now="%(now)s::timestamptz",
            ),
        ),
    )  # fmt: skip
    parameters = {
        **look.params,
        **more,
        "now": now,
        "seed": str(spec.seed),
        "most": MAX_ROWS_A_MOMENT,
        "active_since": look.as_of - timedelta(days=spec.active_days),
        "active_ms": look.as_of_ms - spec.active_days * DAY_MS,
    }
    found = io.BytesIO()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL statement_timeout = '{LONGEST}'; SET LOCAL work_mem = '{days.WORK_MEM}';"
            " SET LOCAL max_parallel_workers_per_gather = 0;"
            # From events alone, what is sorted by time is grouped as it comes.
            f" SET LOCAL enable_hashagg = {'on' if look.has_days else 'off'};"
            " DROP TABLE IF EXISTS pg_temp.asked"
        )
        # A table, because how many they are decides how their events are best found: one by one,
        # or by reading everybody's. The planner knows it of tables only.
        cursor.execute(f"CREATE TEMP TABLE asked ON COMMIT DROP AS {look.asked(asked)}", parameters)
        cursor.execute("ANALYZE pg_temp.asked")
        statement = cursor.mogrify(look.statement(labels), parameters).decode()
        with connection.wrap_database_errors:
            cursor.copy_expert(f"COPY ({statement}) TO STDOUT (FORMAT binary)", found)
    return _read_binary(found.getvalue(), len(labels) + len(look.columns))


def _read_binary(copied: bytes, width: int) -> tuple[list[UUID], Matrix]:
    """Take apart rows of a uuid and `width` float8, none of them null, as COPY sends them.

    Source: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS (Binary Format).
    """
    number = np.dtype([("length", ">i4"), ("value", ">f8")])
    row = np.dtype(
        [("fields", ">i2"), ("length", ">i4"), ("id", "V16"), ("numbers", number, (width,))]
    )
    rows = np.frombuffer(copied, row, count=(len(copied) - _HEADER - _TRAILER) // row.itemsize,
                         offset=_HEADER)  # fmt: skip
    x = np.ascontiguousarray(rows["numbers"]["value"], dtype=np.float64)
    return [UUID(bytes=one.tobytes()) for one in rows["id"]], x.reshape(len(rows), width)


def _events_since(look: Look, since: str) -> str:
    """The events at which somebody was active, from `since` on."""
    return (
        f"FROM events_event e WHERE {look.allowed} AND {look.known('e')}"
        f" AND e.occurred_at > {since} AND e.occurred_at <= %(as_of)s"
    )


def _active_one(look: Look) -> str:
    mine = _events_since(look, "%(active_since)s")
    return f"EXISTS (SELECT {mine} AND e.profile_id = g.profile_id)"


def _active(look: Look) -> str:
    """Who was active. The sums say when somebody was last there on a day."""
    if not look.has_days:
        return f"SELECT DISTINCT e.profile_id {_events_since(look, '%(active_since)s')}"
    first_unsummed = clock.from_ms(look.until_day * DAY_MS).isoformat()
    loose = "SELECT m.profile_id FROM events_featuremark m WHERE m.site_id = %(site)s::uuid"
    summed = (
        "d.site_id = %(site)s::uuid AND d.day >= %(active_ms)s::bigint / 86400000"
        f" AND d.day < {look.until_day} AND d.last_ms > %(active_ms)s::bigint"
    )
    received = ""
    if look.by_received:
        loose += (
            f" UNION SELECT d.profile_id FROM predictions_featureday d"
            f" WHERE {summed} AND d.known_at > %(as_of)s"
        )
        received = " AND d.known_at <= %(as_of)s"
    since = f"greatest(%(active_since)s, '{first_unsummed}'::timestamptz - interval '1 us')"
    branches = [
        f"SELECT d.profile_id FROM predictions_featureday d WHERE {summed}{received}"
        + ("" if look.trusts_marked else " AND NOT EXISTS (SELECT FROM events_featuremark m"
           " WHERE m.site_id = %(site)s::uuid AND m.profile_id = d.profile_id)"),
        f"SELECT e.profile_id {_events_since(look, since)}",
    ]  # fmt: skip
    if not look.trusts_marked:
        branches.append(
            f"SELECT e.profile_id {_events_since(look, '%(active_since)s')}"
            f" AND e.profile_id IN ({loose})"
        )
    return "\nUNION ".join(branches)


def _look(spec: ModelSpec, wanted: Wanted, as_of: datetime, *, trusts_marked: bool = False) -> Look:
    """How to look back: from sums where they hold what is asked, else from the events alone."""
    allowed = allowed_for(days.PURPOSE)
    kept = feature_words.ensured(spec.site_id, clock.to_ms(as_of), allowed=allowed)
    closed = feature_marks.closed_day(spec.site_id)
    features = features_of(wanted.names)
    words, is_whole = _words(kept.words, features)
    if wanted.purpose != MODEL_TRAINING or kept.is_outdated or not is_whole:
        closed = 0
    local = as_of.astimezone(zone_of(kept.zone))
    hour = (local.hour + local.minute / 60) / 24 * math.tau
    return Look(
        spec.site_id,
        as_of,
        wanted.window_days,
        features,
        words,
        allowed_for(purpose_of(wanted.purpose)),
        wanted.knows_by == RECEIVED,
        closed,
        trusts_marked,
        {
            "zone": kept.zone,
            "hour_sin": math.sin(hour),
            "hour_cos": math.cos(hour),
            "is_weekend": float(local.weekday() >= 5),
        },
    )


def _words(own: Words, features: Sequence[Feature]) -> tuple[Words, bool]:
    """Return the site's words and those asked for besides; whether there are none of these."""
    names = dict.fromkeys([*own.names, *(word for one in features for word in one.events)])
    categories = dict.fromkeys(
        [*own.categories, *(word for one in features for word in one.categories)]
    )
    words = Words(tuple(names), tuple(categories), own.own)
    return words, words == own

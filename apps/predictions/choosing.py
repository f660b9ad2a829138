"""Which features a model is given unless its analyst names them: by what the site sent."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from apps.consent.declared import MODEL_TRAINING, purpose_of
from apps.events import feature_marks
from apps.predictions import feature_words
from apps.predictions.days import allowed_for
from apps.predictions.domain.feature_names import DEFAULTS
from apps.predictions.domain.feature_parts import DAY_MS
from apps.predictions.domain.session_features import is_online
from apps.predictions.models import ModelSpec
from apps.work import clock

NAMED_EVENTS: Final = 8
NAMED_CATEGORIES: Final = 8
# Beside the others for what is answered in the request: the visit under way.
OF_THE_VISIT: Final = ("in_session", "session_events", "session_minutes", "session_categories")

_FREQUENT = """
SELECT e.{column} FROM events_event e
WHERE {allowed} AND e.occurred_at > %(since)s AND e.occurred_at <= %(as_of)s
  AND e.{column} IS NOT NULL
GROUP BY e.{column} HAVING count(DISTINCT e.profile_id) >= %(fewest)s
ORDER BY count(*) DESC, e.{column} COLLATE "C" LIMIT %(most)s
"""
_FREQUENT_IN_DAYS = """
SELECT w.place, sum(w.n) FROM predictions_featureday d,
  unnest(d.{column}) WITH ORDINALITY AS w(n, place)
WHERE d.site_id = %(site)s::uuid AND d.day >= %(from_day)s AND d.day < %(until_day)s AND w.n > 0
GROUP BY w.place
"""


def names_for(spec: ModelSpec, *, as_of: datetime) -> list[str]:
    """Return the spec's feature names, or choose them from what the site sent until `as_of`.

    No name or category that fewer than five people brought is chosen; and for what is answered in
    the request only what is worked out there.
    """
    if spec.feature_names:
        return list(spec.feature_names)
    names = _frequent(spec, as_of, "name", NAMED_EVENTS)
    categories = _frequent(spec, as_of, "category", NAMED_CATEGORIES)
    found = [
        *DEFAULTS,
        *(f"count:{name}" for name in names),
        *(f"since_h:{name}" for name in names),
        *(f"category:{category}" for category in categories),
    ]
    if spec.serves_online:
        found = [name for name in dict.fromkeys((*found, *OF_THE_VISIT)) if is_online(name)]
    return found


def _frequent(spec: ModelSpec, as_of: datetime, column: str, most: int) -> list[str]:
    since = as_of - timedelta(days=spec.window_days)
    last_day = clock.to_ms(as_of) // DAY_MS
    closed = feature_marks.closed_day(spec.site_id)
    with connection.cursor() as cursor:
        if spec.purpose == MODEL_TRAINING and closed and closed >= last_day:
            own = feature_words.kept(spec.site_id).words
            words = own.names if column == "name" else ("", *own.categories)
            cursor.execute(
                _FREQUENT_IN_DAYS.format(column="names" if column == "name" else "categories"),
                {
                    "site": str(spec.site_id),
                    "from_day": clock.to_ms(since) // DAY_MS,
                    "until_day": last_day,
                },
            )
            counted = [(-n, words[place - 1]) for place, n in cursor.fetchall()]
            return [word for _, word in sorted(counted) if word][:most]
        cursor.execute(
            _FREQUENT.format(column=column, allowed=allowed_for(purpose_of(spec.purpose))),
            {
                "site": str(spec.site_id),
                "since": since,
                "as_of": as_of,
                "fewest": feature_words.FEWEST_PEOPLE,
                "most": most,
            },
        )
        return [word for (word,) in cursor.fetchall()]

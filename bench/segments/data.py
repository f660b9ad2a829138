"""A shop with many visitors and a long past, made inside Postgres: no event passes through Python.

Events lie in the order of their time, as a consumer would have written them, in visits of one to
nine. A few visitors come often, most seldom. The past ends at `NOW`, in the middle of a day.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.access import services as access
from apps.events import history as histories
from apps.events import partitions
from apps.work import clock
from engine.facts import Happening

NOW: Final = datetime(2026, 6, 15, 13, 37, 42, 123_000, tzinfo=UTC)
NOW_MS: Final = clock.to_ms(NOW)
DAYS: Final = 90  # of past, the last one half over
CATEGORIES: Final = ("blouses", "trousers", "skirts", "shoes", "sale", "hats", "coats", "bags")
EVENTS_A_VISIT: Final = 5  # on average


@dataclass(frozen=True, slots=True)
class Size:
    """How large the shop is."""

    profiles: int
    events: int


FULL: Final = Size(200_000, 10_000_000)
SMALL: Final = Size(20_000, 1_000_000)

_PROFILES = """
INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(site)s::uuid,
  'visitor-' || n, %(begin)s::timestamptz
FROM generate_series(0, %(profiles)s - 1) n
"""

_STATES = """
INSERT INTO profiles_profilestate (profile_id, site_id, unit_id, identities, version,
  consent_epoch, granted, denied, history, memberships, traits, event_count, last_message_id)
SELECT p.id, p.site_id, p.bucketing_key, jsonb_build_array('anonymous_id:' || p.bucketing_key), 1,
  0, 63, 0, '', '', jsonb_build_object(
    'plan', jsonb_build_array((ARRAY['free', 'basic', 'pro', 'team'])[1 + h %% 4], %(at)s, 'm'),
    'age', jsonb_build_array(18 + h %% 60, %(at)s, 'm'),
    'city', jsonb_build_array(
      (ARRAY['Berlin', 'Lyon', 'Porto', 'Gdansk', 'Turku'])[1 + h / 4 %% 5], %(at)s, 'm')
  ), 0, ''
FROM (SELECT p.*, abs(hashtext(p.id::text)) AS h FROM profiles_profile p WHERE site_id = %(site)s) p
"""

# One day of visits. Wide rows, as a browser sends them: about 400 bytes.
_DAY = """
WITH visit AS MATERIALIZED (
  SELECT floor(%(profiles)s * power(random(), 1.3))::int AS visitor,
    %(begin)s::timestamptz + random() * (%(end)s::timestamptz - %(begin)s::timestamptz) AS begin,
    1 + floor(random() * 9)::int AS events
  FROM generate_series(1, %(visits)s)
), happened AS MATERIALIZED (
  SELECT visitor, begin + (n - 1 + random()) * interval '40 seconds' AS at, random() AS kind,
    floor(random() * 8)::int AS category, floor(random() * 2000)::int AS product,
    random() AS money
  FROM visit, generate_series(1, events) n
), named AS (
  SELECT *, date_trunc('milliseconds', at) AS occurred_at, CASE
    WHEN kind < 0.50 THEN 'Product Viewed' WHEN kind < 0.70 THEN 'Page Viewed'
    WHEN kind < 0.80 THEN 'Product Added' WHEN kind < 0.88 THEN 'Article Viewed'
    WHEN kind < 0.93 THEN 'Checkout Started' WHEN kind < 0.97 THEN 'Order Completed'
    ELSE 'Searched' END AS name
  FROM happened WHERE at < %(end)s::timestamptz
)
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
  value, message_id, occurred_at, original_at, sent_at, received_at, properties, context,
  consent_epoch, purposes)
SELECT %(site)s::uuid, ('01900000-0000-7000-8000-' || lpad(to_hex(visitor), 12, '0'))::uuid,
  visitor + 1, %(site)s::uuid, 1, name, category_name, item, value,
  'b-' || %(day)s || '-' || row_number() OVER (), occurred_at, occurred_at, occurred_at,
  occurred_at + interval '80 ms', properties,
  jsonb_build_object('locale', 'de-DE', 'page', jsonb_build_object('path', '/p/' || product,
    'url', 'https://shop.example/p/' || product, 'referrer', 'https://search.example/'),
    'userAgent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')
  , 0, 63
FROM named, LATERAL (SELECT (%(categories)s::text[])[1 + category] AS category_name) c,
LATERAL (SELECT
  CASE WHEN name LIKE 'Product%%' THEN 'P' || product END AS item,
  CASE name WHEN 'Order Completed' THEN round((10 + 190 * money)::numeric, 2)
    WHEN 'Product Viewed' THEN 5 + product %% 95 END AS value,
  CASE name
    WHEN 'Order Completed' THEN jsonb_build_object('category', category_name, 'currency', 'EUR',
      'revenue', round((10 + 190 * money)::numeric, 2), 'order_id', 'o-' || product)
    WHEN 'Page Viewed' THEN
      jsonb_build_object('page_type', 'list', 'title', 'Our ' || category_name)
    WHEN 'Searched' THEN jsonb_build_object('query', category_name)
    ELSE jsonb_build_object('category', category_name, 'product_id', 'P' || product,
      'name', 'A fine thing number ' || product, 'price', 5 + product %% 95, 'currency', 'EUR')
  END AS properties
) v
ORDER BY occurred_at
"""


def make_shop(size: Size) -> UUID:
    """Make a site with profiles, their events of `DAYS` days and their state rows; return its id.

    The state rows hold no history yet: see `fill_histories`.
    """
    site_id = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=NOW).pk
    begin = NOW - timedelta(days=DAYS)
    named: dict[str, str | int | datetime] = {
        "site": str(site_id),
        "profiles": size.profiles,
        "begin": begin,
        "at": NOW_MS,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(_PROFILES, named)
        cursor.execute(_STATES, named)
        store_events(site_id, size)
        cursor.execute("VACUUM (ANALYZE) events_event")
        cursor.execute("VACUUM (ANALYZE) profiles_profile")
    return site_id


def store_events(site_id: UUID, size: Size) -> None:
    """Make the events of these profiles, day by day; nobody's state row knows of them."""
    first = (NOW - timedelta(days=DAYS)).date()
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    length = (NOW - midnight) / timedelta(days=1)
    visits_a_day = size.events / EVENTS_A_VISIT / length
    with connection.cursor() as cursor:
        # Building it once afterwards takes a quarter of the time.
        cursor.execute("DROP INDEX events_event_profile")
        cursor.execute("ALTER TABLE events_event DISABLE TRIGGER USER")
        for day in range(DAYS + 1):
            begin = midnight + timedelta(days=day)
            end = min(begin + timedelta(days=1), NOW)
            partitions.ensure_partitions([(begin.year, begin.month)])
            share = (end - begin) / timedelta(days=1)
            cursor.execute(
                _DAY,
                {
                    "site": str(site_id),
                    "profiles": size.profiles,
                    "begin": begin,
                    "end": end,
                    "day": day,
                    "visits": round(visits_a_day * share),
                    "categories": list(CATEGORIES),
                },
            )
        cursor.execute("ALTER TABLE events_event ENABLE TRIGGER USER")
        cursor.execute(
            "CREATE INDEX events_event_profile ON events_event (profile_id, occurred_at)"
        )


_NEWEST = """
SELECT p.id, e.count, e.first, e.last, e.newest::text
FROM (SELECT id FROM profiles_profile WHERE site_id = %(site)s AND id > %(after)s
    AND (%(only)s::uuid[] IS NULL OR id = ANY(%(only)s::uuid[]))
  ORDER BY id LIMIT %(many)s) p
CROSS JOIN LATERAL (
  SELECT count(*), min(at_ms) AS first, max(at_ms) AS last,
    jsonb_agg(jsonb_build_array(at_ms, name, identity_id, kept) ORDER BY rank DESC)
      FILTER (WHERE rank <= 257) AS newest
  FROM (
    SELECT floor(extract(epoch FROM occurred_at) * 1000)::bigint AS at_ms, name, identity_id,
      jsonb_strip_nulls(jsonb_build_object('category', properties -> 'category', 'price',
        properties -> 'price', 'product_id', properties -> 'product_id', 'revenue',
        properties -> 'revenue')) AS kept,
      row_number() OVER (ORDER BY occurred_at DESC, original_at DESC, message_id COLLATE "C" DESC)
        AS rank
    FROM events_event WHERE profile_id = p.id
  ) r
) e
"""

_FILL = """
UPDATE profiles_profilestate s SET history = decode(r.history, 'base64'), event_count = r.count,
  first_seen_at = to_timestamp(r.first / 1000.0), last_seen_at = to_timestamp(r.last / 1000.0)
FROM jsonb_to_recordset(%s::jsonb)
  AS r(profile_id uuid, history text, count bigint, first bigint, last bigint)
WHERE s.profile_id = r.profile_id
"""


def fill_histories(
    site_id: UUID, wanted: histories.Wanted, *, only: str | None = None, many: int = 5_000
) -> None:
    """Put the newest events of every profile into its state row, as a fold leaves them there.

    Args:
        wanted: the properties that conditions read.
        only: an array literal of the profiles meant; None: all, and the table is packed after it.
        many: profiles at a time.
    """
    after = "00000000-0000-0000-0000-000000000000"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                _NEWEST, {"site": str(site_id), "after": after, "many": many, "only": only}
            )
            rows = cursor.fetchall()
            if not rows:
                break
            after = str(max(row[0] for row in rows))
            filled = [_filled(wanted, *row) for row in rows]
            cursor.execute(_FILL, [msgspec.json.encode(filled).decode()])
        if only is None:
            cursor.execute("VACUUM (FULL, ANALYZE) profiles_profilestate")


def _filled(
    wanted: histories.Wanted,
    profile_id: UUID,
    count: int,
    first: int | None,
    last: int | None,
    newest: str | None,
) -> dict[str, object]:
    history = histories.History(wanted)
    history.add(
        [
            Happening(at_ms, name, device, histories.kept_properties(kept, wanted.of(name)))
            for at_ms, name, device, kept in msgspec.json.decode(newest or "[]")
        ]
    )
    history.trim()
    return {
        "profile_id": profile_id,
        "history": histories.encode(history),  # bytes become base64
        "count": count,
        "first": first,
        "last": last,
    }

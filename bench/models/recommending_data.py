"""What recommenders are measured on: a shop made inside Postgres, and real clicks and reads."""

import csv
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from scipy import sparse

from apps.recommendations.domain.seen import ItemFacts, Seen
from launcher.home import PROJECT_ROOT

CLICKS: Final = PROJECT_ROOT / "apps" / "demo" / "data" / "clicks_2008-04_06.csv.gz"
WEIGHTS: Final = {
    "VIEW": 1.0, "LIKE": 2.0, "BOOKMARK": 2.5, "FOLLOW": 3.0, "COMMENT CREATED": 4.0,
}  # fmt: skip

# How the ids of people begin: those of one site are not those of another in the same database.
_OF_SHOP: Final = "01900000-0001-7000-8000-"
_OF_ESHOP: Final = "01900000-0002-7000-8000-"
_PROFILES = """
INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
SELECT (%(ids)s || lpad(to_hex(n), 12, '0'))::uuid, %(site)s::uuid,
  'visitor-' || n, %(since)s FROM generate_series(0, %(people)s - 1) n
"""
_STATES = """
INSERT INTO profiles_profilestate (profile_id, site_id, unit_id, identities, version,
  consent_epoch, granted, denied, history, memberships, traits, event_count, last_message_id)
SELECT p.id, p.site_id, p.bucketing_key, '[]', 1, 0, 63, 0, '', '', '{}', 0, ''
FROM profiles_profile p WHERE p.site_id = %(site)s
"""
# Everybody has a taste of ten; four of five of their views are of it. Few items have most views.
_EVENTS = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
  value, message_id, occurred_at, received_at, properties, consent_epoch, purposes)
SELECT %(site)s::uuid, (%(ids)s || lpad(to_hex(visitor), 12, '0'))::uuid,
  visitor + 1, %(site)s::uuid, 1, 'Product Viewed', 'kind ' || item %% 10, 'P' || item,
  5 + item %% 95, 'r-' || n, at, at, '{}', 0, 63
FROM (
  SELECT n, visitor, %(since)s::timestamptz + random() * %(long)s::interval AS at,
    (CASE WHEN random() < 0.8
      THEN floor(%(items)s / 10 * power(random(), 2))::int * 10 + visitor %% 10
      ELSE floor(%(items)s * power(random(), 2))::int END) %% %(items)s AS item
  FROM (SELECT n, (n %% %(people)s)::int AS visitor FROM generate_series(1, %(events)s) n) one
) happened ORDER BY at
"""


def make_shop(people: int, items: int, events: int, *, now: datetime) -> UUID:
    """Make a site with people and what they looked at within 60 days; return its id."""
    from apps.access import services as access
    from apps.events import partitions
    from apps.work import clock

    site_id: UUID = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=now).pk
    since = now - timedelta(days=60)
    days = range(-1, 62)
    partitions.ensure_partitions_for(clock.to_ms(since + timedelta(days=day)) for day in days)
    given: dict[str, Any] = {
        "site": str(site_id), "people": people, "items": items, "events": events, "since": since,
        "long": timedelta(days=60), "ids": _OF_SHOP,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.25)")
        for statement in (_PROFILES, _STATES, _EVENTS):
            cursor.execute(statement, given)
    return site_id


_CLICKS = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, item, message_id,
  occurred_at, received_at, properties, consent_epoch, purposes)
SELECT %(site)s::uuid, (%(ids)s || lpad(to_hex(person), 12, '0'))::uuid,
  person + 1, %(site)s::uuid, 1, 'Product Viewed', item, 'c-' || n, at, at, '{}', 0, 63
FROM ROWS FROM (jsonb_to_recordset(%(rows)s::jsonb) AS (person int, item text, at timestamptz))
  WITH ORDINALITY AS click(person, item, at, n)
"""


def make_eshop(clicks: "Clicks", *, now: datetime) -> UUID:
    """Put the e-shop's clicks of two months into the tables, shifted to end a week before `now`."""
    from apps.access import services as access
    from apps.events import partitions
    from apps.recommendations import catalogue
    from apps.work import clock

    seen = clicks.taught
    site_id: UUID = access.create_site(key="eshop", name="E-shop", regime="us_opt_out", now=now).pk
    shift = now - timedelta(days=7) - datetime.fromtimestamp(seen.newest_s, tz=now.tzinfo)
    at = [datetime.fromtimestamp(own, tz=now.tzinfo) + shift for own in seen.at_s.tolist()]
    partitions.ensure_partitions_for({clock.to_ms(own) for own in at[::500]} | {clock.to_ms(now)})
    rows = [
        {"person": person, "item": seen.codes[item], "at": own.isoformat()}
        for person, item, own in zip(seen.person.tolist(), seen.item.tolist(), at, strict=True)
    ]
    given: dict[str, Any] = {
        "site": str(site_id), "people": seen.people, "since": at[0], "rows": json.dumps(rows),
        "ids": _OF_ESHOP,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_PROFILES, _STATES, _CLICKS):
            cursor.execute(statement, given)
    items = [
        {"code": code, "category": one.category, "words": one.words, "price": one.price}
        for code, one in clicks.facts.items()
    ]
    catalogue.put(site_id=site_id, items=items, now=now)
    return site_id


@dataclass(frozen=True, slots=True)
class Clicks:
    """The e-shop: what is taught, and the steps that are asked: (one before or "", last, next)."""

    taught: Seen
    asked: Sequence[tuple[str, str, str]]
    facts: Mapping[str, ItemFacts]
    category: Mapping[str, str]

    def hits_of_last_category(self) -> float:
        """How often the next product is of the last one's category."""
        same = [self.category[b] == self.category[c] for _, b, c in self.asked]
        return sum(same) / len(same)


def eshop() -> Clicks:
    """Return April and May to learn from and June to be asked; items described by the first two."""
    with gzip.open(CLICKS, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    taught = [row for row in rows if int(row["month"]) < 6]
    seen, asked = _walks(taught), []
    for _, clicks in groupby(
        (row for row in rows if int(row["month"]) == 6), key=lambda row: row["session_id"]
    ):
        items = [row["clothing_model"] for row in clicks]
        asked += [
            (items[place - 2] if place > 1 else "", items[place - 1], items[place])
            for place in range(1, len(items))
        ]
    category = {row["clothing_model"]: row["clothing_model"][0] for row in rows}
    return Clicks(seen, asked, _described(taught), category)


def _walks(rows: Sequence[Mapping[str, str]]) -> Seen:
    codes = sorted({row["clothing_model"] for row in rows})
    places = {code: place for place, code in enumerate(codes)}
    person = np.unique([int(row["session_id"]) for row in rows], return_inverse=True)[1]
    at = [
        datetime(2008, int(row["month"]), int(row["day"]), 12, tzinfo=UTC).timestamp()
        + 20 * int(row["order"])
        for row in rows
    ]
    item = np.array([places[row["clothing_model"]] for row in rows], np.int32)
    return Seen(
        person.astype(np.int32), person.astype(np.int32), item, np.array(at),
        np.ones(len(rows)), np.ones(len(rows), bool), codes, int(person.max()) + 1,
    )  # fmt: skip


def _described(rows: Sequence[Mapping[str, str]]) -> dict[str, ItemFacts]:
    """What a catalogue would say: category, price, colour, style, page and place in the listing."""
    words: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        category, page = row["main_category"], row["page"]
        words[row["clothing_model"]][
            f"colour-{row['colour']} style-{row['model_photography']} page-{page} "
            f"shelf-{category}-{page} place-{category}-{page}-{row['photo_location']}"
        ] += 1
    known = {row["clothing_model"]: (row["main_category"], float(row["price"])) for row in rows}
    return {
        code: ItemFacts(category, words[code].most_common(1)[0][0], price)
        for code, (category, price) in known.items()
    }


def likeliest_category(shown: Sequence[str], category: Mapping[str, str]) -> str:
    """Return the category that most of what is shown is of; of equal ones the first shown."""
    counted = Counter(category[code] for code in shown)
    return max(counted, key=lambda name: counted[name])


@dataclass(frozen=True, slots=True)
class Reads:
    """Deskdrop: reads with their weights."""

    seen: Seen


def deskdrop(path: Path) -> Reads:
    """Return every interaction; a step is a view."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    rows.sort(key=lambda row: (row["personId"], int(row["timestamp"])))
    codes = sorted({row["contentId"] for row in rows})
    places = {code: place for place, code in enumerate(codes)}
    person = np.unique([row["personId"] for row in rows], return_inverse=True)[1].astype(np.int32)
    return Reads(
        Seen(
            person,
            person,
            np.array([places[row["contentId"]] for row in rows], np.int32),
            np.array([float(row["timestamp"]) for row in rows]),
            np.array([WEIGHTS[row["eventType"]] for row in rows]),
            np.array([row["eventType"] == "VIEW" for row in rows]),
            codes,
            int(person.max()) + 1,
        )
    )


def strengths(reads: Reads) -> Any:
    """Return people x articles: log2(1 + the sum of the weights), nothing fading."""
    seen = reads.seen
    shape = (seen.people, len(seen.codes))
    found = sparse.coo_matrix((seen.weight, (seen.person, seen.item)), shape).tocsr()
    found.data = np.log2(1.0 + found.data)
    return found


def split(rows: Any, rng: np.random.Generator) -> tuple[Any, list[NDArray[np.intp]]]:
    """Return four fifths of everybody's articles, and the places of the others."""
    taught, held = rows.tolil(copy=True), []
    for person in range(rows.shape[0]):
        items = rows[person].indices
        count = max(1, round(len(items) / 5))
        gone = rng.choice(items, count, replace=False)
        taught[person, gone] = 0
        held.append(gone)
    made = sparse.csr_matrix(taught)
    made.eliminate_zeros()
    return made, held

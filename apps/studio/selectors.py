"""How a site stands: counts and times from the tables of every app, one statement a function.

Read in SQL, as reports are: what is counted here has no other reader, and each statement stays on
an index. Whoever changes one of these tables meets the tests of this app.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.decisions.selectors import publication_document
from apps.studio.types import (
    Backlog,
    Held,
    Intake,
    Learned,
    Minute,
    Outcomes,
    Piece,
    Processes,
    Published,
    Senders,
    SiteChoice,
)
from apps.work import alive
from engine.snapshot import encode_snapshot

MINUTES_SHOWN: Final = 60
PIECES_SHOWN: Final = 12
CALLS_READ: Final = 1_000  # the newest, so that the page costs the same on a busy site
_DAY: Final = timedelta(days=1)
_BEYOND: Final = 2**31 - 1  # every number of a publication is less

_SITES = "SELECT id, key, name FROM access_site ORDER BY name, key LIMIT 200"
_SENDERS = """
SELECT (SELECT count(*) FROM access_source WHERE site_id = %(site)s),
  (SELECT count(*) FROM access_apikey WHERE site_id = %(site)s AND revoked_at IS NULL
     AND (expires_at IS NULL OR expires_at > %(now)s))
"""
_INTAKE = """
SELECT minute, accepted, duplicates, rejected, without_consent FROM events_intakeminute
WHERE site_id = %(site)s AND minute > %(since)s ORDER BY minute
"""
_BACKLOG = """
SELECT count(*) FILTER (WHERE part >= 0),
  count(*) FILTER (WHERE part >= 0 AND site_id = %(site)s),
  coalesce(extract(epoch FROM %(now)s - min(received_at) FILTER (WHERE part >= 0)), 0)::float8,
  count(*) FILTER (WHERE part < 0)
FROM events_inbox
"""
_HELD = """
SELECT code, count(*) FROM events_quarantine
WHERE site_id = %(site)s AND state = 'waiting' GROUP BY code ORDER BY count(*) DESC, code
"""
_RECOMMENDERS = """
SELECT r.id, r.name, v.trained_at, v.metrics->>'hits_at_10', v.metrics->>'hits_at_10_popular',
  r.is_enabled, EXISTS (SELECT FROM recommendations_recommenderversion w
    WHERE w.recommender_id = r.id AND w.state = 'candidate')
FROM recommendations_recommender r
LEFT JOIN recommendations_recommenderversion v ON v.id = r.active_id
WHERE r.site_id = %(site)s ORDER BY r.name
"""
_MODELS = """
SELECT s.id, s.name, v.trained_at, v.card->>'auc', s.is_enabled,
  EXISTS (SELECT FROM predictions_modelversion w WHERE w.spec_id = s.id AND w.state = 'candidate'
    AND w.deleted_at IS NULL AND w.cut_at IS NULL)
FROM predictions_modelspec s
LEFT JOIN predictions_modelversion v ON v.spec_id = s.id AND v.state = 'champion'
WHERE s.site_id = %(site)s ORDER BY s.name
"""
_PUBLICATIONS = """
SELECT p.number, p.published_at, coalesce(u.username, ''), p.note, p.restores,
  coalesce((p.counts->>'placement')::int, 0), coalesce((p.counts->>'block')::int, 0),
  coalesce((p.counts->>'rule')::int, 0), coalesce((p.counts->>'segment')::int, 0),
  p.release_id, coalesce(r.name, '')
FROM decisions_publication p LEFT JOIN auth_user u ON u.id = p.published_by_id
LEFT JOIN decisions_release r ON r.id = p.release_id
WHERE p.site_id = %(site)s AND p.number < %(before)s ORDER BY p.number DESC LIMIT %(limit)s
"""
_WORK = """
SELECT id, kind, state, done_steps, total_steps, note, error, run_after, finished_at
FROM work_intent
WHERE (site_id = %(site)s OR site_id IS NULL) AND (state IN ('waiting', 'running')
  OR state = 'failed' AND finished_at > %(since)s)
ORDER BY state <> 'running', state <> 'failed', created_at DESC LIMIT %(limit)s
"""
_OUTCOMES = """
WITH newest AS MATERIALIZED (
  SELECT placements, took_us FROM decisions_decisionrecord
  WHERE site_id = %(site)s AND at > %(since)s ORDER BY at DESC LIMIT %(limit)s
), reasons AS (
  SELECT one->>'reason' AS reason, count(*) AS answers
  FROM newest, jsonb_array_elements(placements) AS one GROUP BY 1
)
SELECT (SELECT count(*) FROM newest),
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took_us) / 1000 FROM newest),
  (SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY took_us) / 1000 FROM newest),
  (SELECT coalesce(jsonb_agg(jsonb_build_array(reason, answers) ORDER BY answers DESC), '[]')::text
   FROM reasons)
"""
_SOURCES = """
SELECT id, name, consent_mode FROM access_source
WHERE site_id = %(site)s ORDER BY kind <> 'browser', name
"""
_SITE_OF_PROFILE = "SELECT site_id FROM profiles_profilestate WHERE profile_id = %(profile)s"


def sites() -> list[SiteChoice]:
    """Return the sites by name."""
    return [SiteChoice(*row) for row in _rows(_SITES)]


def senders(site_id: UUID, now: datetime) -> Senders:
    """Return how many sources and working keys a site has."""
    return Senders(*_rows(_SENDERS, site=site_id, now=now)[0])


def intake(site_id: UUID, now: datetime) -> Intake:
    """Return what came in during the last hour by minute, and the last day in all."""
    this_minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    rows = [Minute(*row) for row in _rows(_INTAKE, site=site_id, since=now - _DAY)]
    by_minute = {row.at: row for row in rows}
    shown = [this_minute - timedelta(minutes=ago) for ago in range(MINUTES_SHOWN - 1, -1, -1)]
    return Intake(
        minutes=[by_minute.get(at, Minute(at, 0, 0, 0, 0)) for at in shown],
        day=Minute(
            this_minute,
            sum(row.accepted for row in rows),
            sum(row.duplicates for row in rows),
            sum(row.rejected for row in rows),
            sum(row.without_consent for row in rows),
        ),
    )


def backlog(site_id: UUID, now: datetime) -> Backlog:
    """Return what waits to be folded: on the whole machine, and of this site."""
    waiting, of_site, oldest_s, set_aside = _rows(_BACKLOG, site=site_id, now=now)[0]
    return Backlog(waiting, of_site, max(0.0, oldest_s), set_aside)


def processes() -> Processes:
    """Return which processes of the server live. No query: they say so in Redis."""
    heard = alive.heard()
    if heard is None:
        return Processes({}, has_redis=False, is_settled=False)
    return Processes(heard.alive, has_redis=True, is_settled=heard.is_settled)


def held(site_id: UUID) -> list[Held]:
    """Return how many events wait in quarantine, by refusal, the most frequent first."""
    return [Held(*row) for row in _rows(_HELD, site=site_id)]


def recommenders(site_id: UUID) -> list[Learned]:
    """Return the recommenders with the age and the hit rate of what serves."""
    return [
        Learned(
            pk,
            "Recommender",
            name,
            trained_at,
            _hit_words(hits, popular),
            is_enabled,
            waits,
            "admin:recommendations_recommender_change",
        )
        for pk, name, trained_at, hits, popular, is_enabled, waits in _rows(
            _RECOMMENDERS, site=site_id
        )
    ]


def models(site_id: UUID) -> list[Learned]:
    """Return the prediction models with the age and the quality of what scores."""
    return [
        Learned(
            pk,
            "Prediction",
            name,
            trained_at,
            "" if auc is None else f"AUC {float(auc):.3f}",
            is_enabled,
            waits,
            "admin:predictions_modelspec_change",
        )
        for pk, name, trained_at, auc, is_enabled, waits in _rows(_MODELS, site=site_id)
    ]


def publications(site_id: UUID, limit: int, before: int | None = None) -> list[Published]:
    """Return the newest publications, the one that serves first; of those before a number."""
    rows = _rows(_PUBLICATIONS, site=site_id, limit=limit, before=before or _BEYOND)
    return [Published(*row) for row in rows]


def documents(site_id: UUID, numbers: list[int]) -> dict[int, str]:
    """Return the documents of publications as JSON text, by number."""
    found = {number: publication_document(site_id, number) for number in numbers}
    return {
        number: encode_snapshot(document).decode()
        for number, document in found.items()
        if document is not None
    }


def pieces(site_id: UUID, now: datetime) -> list[Piece]:
    """Return work that runs, failed within a day or waits: of this site and of none."""
    rows = _rows(_WORK, site=site_id, since=now - _DAY, limit=PIECES_SHOWN)
    return [Piece(*row) for row in rows]


def outcomes(site_id: UUID, now: datetime) -> Outcomes:
    """Return the reasons and durations of the newest calls of the last day."""
    calls, p50_ms, p99_ms, reasons = _rows(
        _OUTCOMES, site=site_id, since=now - _DAY, limit=CALLS_READ
    )[0]
    return Outcomes(calls, [(name, count) for name, count in json.loads(reasons)], p50_ms, p99_ms)


def sources(site_id: UUID) -> list[tuple[UUID, str, str]]:
    """Return (id, name, consent mode) of a site's sources, pages before servers."""
    return _rows(_SOURCES, site=site_id)


def site_of_profile(profile_id: UUID) -> UUID | None:
    """Return the site that a profile belongs to."""
    rows = _rows(_SITE_OF_PROFILE, profile=profile_id)
    return rows[0][0] if rows else None


def _hit_words(hits: str | None, popular: str | None) -> str:
    if hits is None:
        return ""
    beside = "" if popular is None else f" (most popular: {float(popular):.1%})"
    return f"{float(hits):.1%} of next items among ten{beside}"


def _rows(sql: str, **parameters: Any) -> list[Any]:
    bound = {
        name: str(value) if isinstance(value, UUID) else value for name, value in parameters.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        rows: list[Any] = cursor.fetchall()
        return rows

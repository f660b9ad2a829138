"""Writes to recommenders that others may ask for."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.access.services import record_audit
from apps.recommendations.errors import VersionNotServable
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.recommendations.tasks import TRAIN
from apps.recommendations.versions import State, activate, prune
from apps.work import services as work


def create_recommender(
    *,
    site_id: UUID,
    key: str,
    name: str,
    kind: str = Recommender.Kind.FOLLOWED_BY,
    event_name: str = "Product Viewed",
    window_days: int = 90,
) -> Recommender:
    """Add a recommender, or return the one with this key. It serves after its first training.

    It learns from the last `window_days` before each training.
    """
    recommender, _ = Recommender.objects.get_or_create(
        site_id=site_id,
        key=key,
        defaults={
            "name": name,
            "kind": kind,
            "event_name": event_name,
            "window_days": window_days,
        },
    )
    return recommender


def ask_training(*, recommender: Recommender, now: datetime, chooses: bool = False) -> UUID:
    """Ask a worker to train it; return the id of the intent, which shows the progress.

    Args:
        chooses: methods are tried anew first, though nothing has changed.
    """
    intent = work.ask(
        TRAIN,
        key=str(recommender.pk),
        site_id=recommender.site_id,
        payload={"recommender_id": str(recommender.pk), "chooses": chooses},
        queue="train",
        now=now,
    )
    return intent.pk


def train_now(
    *, recommenders: Iterable[Recommender], now: datetime, chooses: bool = False
) -> list[tuple[Recommender, RecommenderVersion | None]]:
    """Train in this process and return each new version; None where nothing was seen yet."""
    from apps.recommendations import training  # heavy: workers and commands only

    done = []
    for recommender in recommenders:
        version_id = training.train(recommender_id=recommender.pk, now=now, chooses=chooses)
        version = None if version_id is None else RecommenderVersion.objects.get(pk=version_id)
        done.append((recommender, version))
    return done


# Items that no stored event names: somebody may have been the only one who ever saw them.
_UNUSED = """
CREATE TEMPORARY TABLE attune_unused ON COMMIT DROP AS
SELECT code FROM (
  SELECT code FROM recommendations_item WHERE site_id = %(site)s AND source = 'events'
  UNION SELECT unnest(ARRAY[l.item, l.previous]) FROM recommendations_itemlist l
  JOIN recommendations_recommenderversion v ON v.id = l.version_id
  JOIN recommendations_recommender r ON r.id = v.recommender_id AND r.site_id = %(site)s
) AS known(code)
WHERE code <> '' AND code NOT IN (
  SELECT DISTINCT item FROM events_event WHERE site_id = %(site)s AND item IS NOT NULL
  UNION ALL SELECT code FROM recommendations_item WHERE site_id = %(site)s AND source = 'import')
"""
_VERSIONS = """
SELECT v.id FROM recommendations_recommenderversion v
JOIN recommendations_recommender r ON r.id = v.recommender_id AND r.site_id = %(site)s
"""
_FORGET_ITEMS = (
    """
DELETE FROM recommendations_item i USING attune_unused u
WHERE i.site_id = %(site)s AND i.code = u.code
""",
    f"""
DELETE FROM recommendations_itemlist l USING attune_unused u
WHERE u.code IN (l.item, l.previous) AND l.version_id IN ({_VERSIONS})
""",
    f"""
UPDATE recommendations_itemlist l SET ranked = (
  SELECT coalesce(jsonb_agg(e ORDER BY place), '[]') FROM jsonb_array_elements(l.ranked)
    WITH ORDINALITY AS x(e, place) WHERE e ->> 0 NOT IN (SELECT code FROM attune_unused))
WHERE l.version_id IN ({_VERSIONS}) AND EXISTS (
  SELECT FROM jsonb_array_elements(l.ranked) e JOIN attune_unused u ON u.code = e ->> 0)
""",
    f"""
UPDATE recommendations_personlist l SET items = (
  SELECT coalesce(jsonb_agg(e ORDER BY place), '[]') FROM jsonb_array_elements(l.items)
    WITH ORDINALITY AS x(e, place) WHERE e ->> 0 NOT IN (SELECT code FROM attune_unused))
WHERE l.version_id IN ({_VERSIONS}) AND EXISTS (
  SELECT FROM jsonb_array_elements(l.items) e JOIN attune_unused u ON u.code = e ->> 0)
""",
    f"""
UPDATE recommendations_recommenderversion v SET params = jsonb_set(v.params, '{{new}}', (
  SELECT coalesce(jsonb_agg(e ORDER BY place), '[]')
  FROM jsonb_array_elements_text(v.params -> 'new') WITH ORDINALITY AS x(e, place)
  WHERE e NOT IN (SELECT code FROM attune_unused)))
WHERE v.id IN ({_VERSIONS}) AND jsonb_typeof(v.params -> 'new') = 'array'
""",
    f"""
UPDATE recommendations_recommenderversion v SET popular = (
  SELECT coalesce(jsonb_agg(e ORDER BY place), '[]') FROM jsonb_array_elements(v.popular)
    WITH ORDINALITY AS x(e, place) WHERE e ->> 0 NOT IN (SELECT code FROM attune_unused))
WHERE v.id IN ({_VERSIONS}) AND EXISTS (
  SELECT FROM jsonb_array_elements(v.popular) e JOIN attune_unused u ON u.code = e ->> 0)
""",
)


def forget_unused_items(site_id: UUID) -> int:
    """Take items that no stored event names out of catalogue and lists; return how many rows.

    Reads all events of the site. Processes that serve lists read them anew with the next training.
    """
    count = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_UNUSED, {"site": str(site_id)})
        for statement in _FORGET_ITEMS:
            cursor.execute(statement, {"site": str(site_id)})
            count += cursor.rowcount
    return count


def trained(site_id: UUID) -> list[UUID]:
    """Return the ids of the recommenders of a site: each may have learned, or be learning now."""
    return list(Recommender.objects.filter(site_id=site_id).values_list("pk", flat=True))


def settle_cut(
    *, recommender_id: UUID, cut_at: datetime, insist_at: datetime, now: datetime
) -> bool:
    """Delete what was trained up to `cut_at`, once something newer serves; False: not yet.

    From `insist_at` on the newest training serves, though a person has chosen an older one; where
    there is none nothing serves until the next. One is asked for until then.
    """
    recommender = Recommender.objects.filter(pk=recommender_id).select_related("active").first()
    if recommender is None:
        return True
    if recommender.active is not None and recommender.active.trained_at <= cut_at:
        if now < insist_at:
            ask_training(recommender=recommender, now=now)
            return False
        _replace_cut(recommender, cut_at, now)
    recommender.versions.filter(trained_at__lte=cut_at).delete()
    return True


@transaction.atomic
def _replace_cut(recommender: Recommender, cut_at: datetime, now: datetime) -> None:
    fresh = recommender.versions.filter(trained_at__gt=cut_at, state=State.CANDIDATE)
    newest = fresh.order_by("-trained_at").first()
    if newest is not None:
        activate(version=newest, actor=None, now=now, why="erasure")
        return
    Recommender.objects.filter(pk=recommender.pk).update(active=None)


@transaction.atomic
def roll_back(*, version: RecommenderVersion, actor: Any, now: datetime) -> None:
    """Let this version serve, and hold it: what is trained from now on waits for a yes.

    Raises:
        VersionNotServable: it was refused, or is another's than its lists.
    """
    recommender = Recommender.objects.select_for_update().get(pk=version.recommender_id)
    if version.state == State.REFUSED:
        raise VersionNotServable(
            "It was surely worse than what serves when it was tried, and its lists were not kept."
        )
    activate(version=version, actor=actor, now=now, why="chosen")
    prune(recommender)


@transaction.atomic
def release(*, recommender: Recommender, actor: Any, now: datetime) -> None:
    """Let new trainings serve by themselves again; the newest that waits serves at once."""
    Recommender.objects.select_for_update().get(pk=recommender.pk)
    waiting = recommender.versions.filter(state=State.CANDIDATE).order_by("-trained_at").first()
    recommender.versions.update(approved_by=None)
    if waiting is not None:
        activate(version=waiting, actor=None, now=now, why="released")
    record_audit(
        action="recommendations.released",
        actor=actor,
        site_id=recommender.site_id,
        target_kind="recommendations.recommender",
        target_id=str(recommender.pk),
        now=now,
    )


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of recommendations by name, for `stats_eval`."""
    from apps.recommendations.domain.ops import OPS

    return OPS

"""On which sites somebody of the staff works, and what of a table is theirs.

Nobody is bound to sites until a row says so. Superusers never are.
"""

import re
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import OuterRef, QuerySet

from apps.access.models import Site, SiteStaff

_FARTHEST: Final = 4  # foreign keys from a row to its site
_paths: dict[type[models.Model], str | None] = {}
_UUID: Final = re.compile(
    r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-f])"
)


class StaffBackend(ModelBackend):
    """Django's, which reads the sites of a person along with the person: no statement more."""

    def get_user(self, user_id: Any) -> Any:
        """Return somebody who may sign in, with `site_ids`; None for nobody."""
        own = SiteStaff.objects.filter(user=OuterRef("pk")).values("site_id")
        user = User.objects.annotate(site_ids=ArraySubquery(own)).filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


def sites_of(user: Any) -> frozenset[UUID] | None:
    """Return the sites that somebody works on, None for all. No query for who has signed in."""
    if user.is_superuser:
        return None
    found = getattr(user, "site_ids", None)
    if found is None:
        found = list(SiteStaff.objects.filter(user_id=user.pk).values_list("site_id", flat=True))
    return frozenset(found) or None


def works_on(user: Any, site_id: UUID) -> bool:
    """Tell whether a site is one of somebody's."""
    own = sites_of(user)
    return own is None or site_id in own


def narrowed(user: Any, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows of somebody's sites; of a table that belongs to no site, none."""
    own = sites_of(user)
    if own is None:
        return rows
    path = path_to_site(rows.model)
    return rows.none() if path is None else rows.filter(**{f"{path}__in": own})


def path_to_site(model: type[models.Model]) -> str | None:
    """Return the look-up from a row to the id of its site ("block__site_id"); None: it has none."""
    if model not in _paths:
        _paths[model] = _path_to_site(model)
    return _paths[model]


def _path_to_site(model: type[models.Model]) -> str | None:
    if model is Site:
        return "pk"
    waiting: deque[tuple[type[models.Model], str]] = deque([(model, "")])
    seen = {model}
    while waiting:
        at, prefix = waiting.popleft()
        for field in at._meta.concrete_fields:
            if field.related_model is Site or field.name == "site_id":
                return f"{prefix}{field.attname}"
        if prefix.count("__") >= _FARTHEST:
            continue
        for field in at._meta.concrete_fields:
            target: Any = field.related_model
            is_way = isinstance(target, type) and target not in seen and not field.null
            if is_way and target is not User:
                seen.add(target)
                waiting.append((target, f"{prefix}{field.name}__"))
    return None


def names_another_site(user: Any, texts: Iterable[str]) -> bool:
    """Whether one of these texts holds the id of something of a site that is not somebody's.

    Ids are drawn once for all tables, so one that is found anywhere tells whose it is. One query,
    and none for who works on all sites.
    """
    own = sites_of(user)
    if own is None:
        return False
    ids = {UUID(found) for text in texts for found in _UUID.findall(text)}
    if not ids:
        return False
    strange = [_of_others(model, path, ids, own) for model, path in _tables_of_sites()]
    return strange[0].union(*strange[1:], all=True).exists()


def _of_others(
    model: type[models.Model], path: str, ids: set[UUID], own: frozenset[UUID]
) -> QuerySet[Any, Any]:
    rows = model._default_manager.filter(pk__in=ids).exclude(**{f"{path}__in": own})
    return rows.order_by().values_list("pk")


@lru_cache(maxsize=1)
def _tables_of_sites() -> list[tuple[type[models.Model], str]]:
    """Every table with ids of our making whose rows belong to a site."""
    found = []
    for model in apps.get_models():
        path = path_to_site(model)
        is_ours = isinstance(model._meta.pk, models.UUIDField) and not model._meta.proxy
        if path is not None and is_ours and model._meta.managed:
            found.append((model, path))
    return found

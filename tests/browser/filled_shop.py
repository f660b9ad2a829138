"""A site with at least one row for every page of the admin."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final
from uuid import uuid4

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from PIL import Image

from apps.content.assets import add_asset
from apps.decisions.models import Publication
from apps.profiles.models import Profile
from tests.apps.studio.conftest import NOW, Shop, seen_by

# What no type tells.
GIVEN: Final[Mapping[str, Mapping[str, object]]] = {
    "access.source": {"kind": "server"},
    "experiments.whatif": {"policy": {"what": "serving"}, "days": 28},
    "events.quarantine": {"body": {"type": "track", "event": "Odd"}},
    "predictions.modelversion": {
        "card": {},
        "feature_names": ["events"],
        "gates": [["beats_plain", True, "Better than the plain rate."]],
        "lineage": {"question": {}, "software": {"python": "3"}},
    },
    "segments.computedtrait": {
        "definition": {"name": "Product Viewed", "aggregate": "count", "window": "ever"}
    },
    "segments.persona": {"traits": {}, "events": [], "context": {}, "consents": {}},
}
# Trained things, whose cards nobody makes up: their own tests look at their pages.
NOT_FILLED: Final = frozenset(
    {
        "recommendations.itemlist",
        "recommendations.recommenderversion",
    }
)
# What addresses take -> of which model that is.
ROWS: Final[Mapping[str, str]] = {
    "access_alert_again:site_id": "access.AlertAddress",
    "access_alert_secret:site_id": "access.AlertAddress",
    "connection_id": "integrations.Connection",
    "duplicate:number": "profiles.Duplicate",
    "experiment_id": "experiments.Experiment",
    "key_id": "access.ApiKey",
    "link_id": "delivery.PreviewLink",
    "list_id": "segments.SegmentList",
    "number": "profiles.MergeRecord",
    "privacy_certificate_file:pk": "privacy.Certificate",
    "profile_id": "profiles.Profile",
    "recommender_id": "recommendations.Recommender",
    "release_id": "decisions.Release",
    "spec_id": "predictions.ModelSpec",
    "trial_id": "decisions.DryRunAsked",
    "trigger_id": "rules.Trigger",
    "upload_id": "segments.ListUpload",
    "version_id": "predictions.ModelVersion",
    "what_if_id": "experiments.WhatIf",
}


class FilledShop(Shop):
    """The shop of the other tests, with a rule, a visitor, a decision, and a row of the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.rule()
        self.publish("The first")
        self.headline("Blouses, reduced")
        self.visitor = Profile.objects.create(
            site=self.site, bucketing_key="visitor-1", created_at=NOW
        )
        self.decision = seen_by(self, self.visitor.pk)
        User.objects.create_user("colleague", is_staff=True)
        add_asset(
            site_id=self.site.pk, data=_picture(), file_name="blouse.png", actor=None, now=NOW
        )
        for model in admin.site._registry:
            if model._meta.label_lower not in NOT_FILLED:
                newest_or_made(model)

    @property
    def known(self) -> dict[str, object]:
        """What addresses take, by the name of the parameter."""
        publication = Publication.objects.latest("number")
        found: dict[str, object] = {
            "form": "json",
            "privacy_certificate_file:kind": "json",
            "kind_name": "block",
            "history:object_id": self.hero.pk,
            "usage:object_id": self.hero.pk,
            "key": "hero",
            "publication:number": publication.number,
            "record_id": self.decision.pk,
            "segment_id": self.blouses.pk,
            "source_id": self.source.pk,
            "history_undo:object_id": self.hero.pk,
            "id": User.objects.latest("pk").pk,
        }
        for takes, label in ROWS.items():
            found[takes] = newest_or_made(apps.get_model(label)).pk
        return found


def _picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (300, 150), (200, 60, 40)).save(buffer, "PNG")
    return buffer.getvalue()


def newest_or_made(model: type[models.Model]) -> models.Model:
    """Return a row of a model; made of what its fields must have where there is none."""
    found = model._default_manager.order_by("-pk").first()
    return found or model._default_manager.create(**_least(model))


def _least(model: type[models.Model]) -> dict[str, Any]:
    given = dict(GIVEN.get(model._meta.label_lower, {}))
    for field in model._meta.concrete_fields:
        if field.name in given or field.null or field.has_default() or field.blank:
            continue
        if isinstance(field, models.AutoField | models.BigAutoField):
            continue
        given[field.name] = _value(field)
    return given


def _value(field: models.Field[Any, Any]) -> object:
    match field:
        case models.ForeignKey():
            return newest_or_made(apps.get_model(field.related_model._meta.label))
        case models.UUIDField():
            return uuid4()
        case models.DateTimeField():
            return NOW
        case models.DateField():
            return NOW.date()
        case models.BooleanField():
            return False
        case models.JSONField():
            return {}
        case models.BinaryField():
            return b"x"
        case models.IntegerField() | models.FloatField() | models.DecimalField():
            return 1
        case _ if field.choices:
            return field.choices[0][0]
    return "x"

"""Pictures of the media library and the files made of them. The database is their only record."""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from apps.content.models.keys import check_key
from apps.work.ids import uuid7


class Asset(models.Model):
    """A picture that editors choose from. `digest` names its file, as it was cleaned on arrival.

    `alt` says what it shows, by locale. The focal point, in percent from the left and the top, is
    what stays in sight where a rendition is cut to another shape.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="assets")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    alt = models.JSONField(default=dict, blank=True)
    focal_x = models.PositiveSmallIntegerField(default=50, validators=[MaxValueValidator(100)])
    focal_y = models.PositiveSmallIntegerField(default=50, validators=[MaxValueValidator(100)])
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    media_type = models.CharField(max_length=40, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    size = models.PositiveIntegerField(editable=False, help_text="Bytes.")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="assets",
    )
    at = models.DateTimeField(editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "picture"
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="content_asset_key"),
            models.CheckConstraint(
                condition=Q(focal_x__lte=100) & Q(focal_y__lte=100),
                name="content_asset_focal_point_inside",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-at"], name="content_asset_newest"),
            models.Index(fields=["digest"], name="content_asset_digest"),
        ]

    def __str__(self) -> str:
        return self.name


class AssetFile(models.Model):
    """The bytes of a picture: `original`, or a rendition. Never changed, so caches may keep it."""

    digest = models.CharField(max_length=64)
    spec = models.CharField(max_length=40)
    media_type = models.CharField(max_length=40)
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["digest", "spec"], name="content_assetfile_spec")
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12]}/{self.spec}"

"""Packages: what a person gets of their own data, encrypted, for a week."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from apps.privacy.models.requests import Request
from apps.work.ids import uuid7


class Package(models.Model):
    """Data of one person. The key is made of the link, which is not stored: see packages.py."""

    class Kind(models.TextChoices):
        ACCESS = "access", "Access"
        PORTABILITY = "portability", "Portability"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(Request, models.CASCADE, related_name="packages")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    token_salt = models.UUIDField(db_default=RandomUUID(), editable=False)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    sha256 = models.CharField(max_length=64, help_text="Of the JSON, before it was encrypted.")
    size = models.PositiveBigIntegerField(help_text="Bytes of the JSON.")
    content_enc = models.BinaryField(default=b"", editable=False)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="Its content is gone.")

    def __str__(self) -> str:
        return f"package of {self.made_at:%Y-%m-%d %H:%M}"

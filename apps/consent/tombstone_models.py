"""What is left of an identity whose person was erased: a keyed digest, and which times it bars."""

from django.db import models


class Tombstone(models.Model):
    """One identity that was erased. What happened between `since_ms` and `until_ms` is dropped.

    Without `until_ms` everything to come is dropped too, until the person is back of their own
    will (`apps.consent.tombstones`). No identity is in it: who knows one, and the key, can ask.
    """

    class How(models.TextChoices):
        CONSENT = "consent", "A fresh choice"
        SIGNED = "signed", "A signed sign-in"

    id = models.BigAutoField(primary_key=True)
    # No index of its own: the one below begins with it, and must be the one that is taken.
    site = models.ForeignKey(
        "access.Site", models.CASCADE, related_name="tombstones", db_index=False
    )
    digest = models.UUIDField(help_text="HMAC of the identity under TOMBSTONE_KEY, 128 bits of it.")
    erased_at = models.DateTimeField()
    since_ms = models.BigIntegerField(
        null=True, help_text="From when on; empty: from the beginning. In ms since 1970."
    )
    until_ms = models.BigIntegerField(
        null=True, help_text="Before when; empty: for as long as the person has not come back."
    )
    opened_at = models.DateTimeField(null=True)
    opened_by = models.CharField(max_length=10, choices=How.choices, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "digest", "erased_at", "since_ms"],
                nulls_distinct=False,
                name="consent_tombstone_unique",
            )
        ]

    def __str__(self) -> str:
        return f"erased {self.erased_at:%Y-%m-%d}"

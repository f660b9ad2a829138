"""Where a site's caches are told what to forget, and previews that were shared by a link."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models

from apps.access import targets
from apps.work.ids import uuid7


class PurgeAddress(models.Model):
    """An address that is told the tags of what a publication has changed. None: nobody is told."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.OneToOneField("access.Site", models.CASCADE, related_name="purge_address")
    url = models.URLField(
        "address",
        max_length=500,
        validators=[URLValidator(schemes=["https", "http"])],
        help_text=(
            'Each publication posts {"tags": [...]} there, 30 tags at a time, and names them in a '
            "Surrogate-Key header too."
        ),
    )
    header = models.CharField(
        max_length=60,
        default="Authorization",
        validators=[RegexValidator(r"\A[A-Za-z0-9-]+\Z", "Letters, digits and hyphens.")],
        help_text="The header that carries the secret, such as Authorization or Fastly-Key.",
    )
    secret = models.CharField(
        max_length=500, blank=True, help_text='What it says: "Bearer ..." for instance.'
    )
    is_enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name = "cache purge"

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        """Refuse what would let people of a site call or say what only this server may.

        Raises:
            ValidationError: the address leads into a private network, or the header is not free.
        """
        super().clean()
        problems: dict[str, str] = {}
        try:
            targets.check(self.url)
        except targets.ForbiddenTarget as error:
            problems["url"] = str(error)
        if not targets.is_free_header(self.header) or self.header.lower() == "surrogate-key":
            problems["header"] = "This header says something else: choose another."
        if problems:
            raise ValidationError(problems)


class PreviewLink(models.Model):
    """A preview that anybody with its link may look at, for a while. Never one of a real person.

    Only the digest of the link's token is kept: whoever reads this table can open none of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="preview_links")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    name = models.CharField(max_length=120, blank=True)
    specs = models.JSONField(help_text="What is shown: one entry for each picture.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="preview_links",
    )
    author = models.CharField(max_length=150, help_text="Who shared it, as the link says.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["site", "-created_at"], name="delivery_preview_links")]

    def __str__(self) -> str:
        return self.name or f"preview shared by {self.author}"

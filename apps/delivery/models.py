"""Where a site's caches are told what to forget."""

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

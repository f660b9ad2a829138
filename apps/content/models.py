"""What can be shown and where: placements, blocks, and their variants tagged with segments.

The rows are the editors' draft. A publication freezes them through `selectors`; nothing here is
read while a visitor waits.
"""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from apps.content.types import KEY_PATTERN, KEY_RULE
from apps.work.ids import uuid7

MAX_ITEMS = 50  # of one recommendations block, so that an answer stays small

check_key = RegexValidator(rf"\A{KEY_PATTERN}\Z", KEY_RULE, code="invalid_key")


class Block(models.Model):
    """Content that can fill a placement; its variants are the versions to choose from."""

    class Kind(models.TextChoices):
        CONTENT = "content", "Content: typed fields and HTML"
        RECOMMENDATIONS = "recommendations", "Recommendations: a list of items"
        FLAG = "flag", "Flag: a value for code, without content"

    class ValueType(models.TextChoices):
        BOOLEAN = "boolean"
        STRING = "string"
        INTEGER = "integer"
        FLOAT = "float"
        OBJECT = "object"

    class Purpose(models.TextChoices):
        PERSONALIZATION = "personalization", "Personalization: needs the visitor's consent"
        NECESSARY = "necessary", "Necessary: chosen without consent, so never by behaviour"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="blocks")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.CONTENT)
    value_type = models.CharField(
        max_length=10, choices=ValueType.choices, blank=True, help_text="Of a flag's values."
    )
    is_client_visible = models.BooleanField(
        default=False, help_text="May a publishable key (a browser) read this flag?"
    )
    purpose = models.CharField(
        max_length=20, choices=Purpose.choices, default=Purpose.PERSONALIZATION
    )
    recommender = models.CharField(
        max_length=100, blank=True, help_text="Key of the recommender that fills the list."
    )
    item_limit = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_ITEMS)],
        help_text="The most items that one answer holds.",
    )
    schema = models.JSONField(
        default=list,
        blank=True,
        help_text="The typed fields of every variant, in order.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="content_block_key"),
            models.CheckConstraint(
                condition=Q(kind="flag") & ~Q(value_type="") | ~Q(kind="flag") & Q(value_type=""),
                name="content_block_value_type_of_flags",
            ),
            models.CheckConstraint(
                condition=Q(item_limit__gte=1) & Q(item_limit__lte=MAX_ITEMS),
                name="content_block_item_limit",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Placement(models.Model):
    """The named hole in a page, and the block that fills it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="placements")
    key = models.CharField(
        max_length=100, validators=[check_key], help_text='What the page asks for: "home.hero".'
    )
    name = models.CharField(max_length=120)
    block = models.ForeignKey(
        Block, models.SET_NULL, null=True, blank=True, related_name="placements"
    )
    is_enabled = models.BooleanField(
        default=True, help_text="Off: everybody gets the block's default variant."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="content_placement_key")
        ]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """One version of a block, for the members of the segments it is tagged with.

    `fields` follow the block's schema and `template` is HTML with Liquid, both as the editor wrote
    them; `value` is a flag's. `version` counts published contents: it is raised when a publication
    finds that `digest` no longer fits.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    block = models.ForeignKey(Block, models.CASCADE, related_name="variants")
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    priority = models.SmallIntegerField(
        default=0, help_text="Decides between variants whose segments are equally specific."
    )
    is_default = models.BooleanField(default=False, help_text="Shown when nothing else fits.")
    segments = models.ManyToManyField(
        "segments.Segment",
        blank=True,
        related_name="variants",
        help_text="Visitors in any of these segments see this variant.",
    )
    fields = models.JSONField(default=dict, blank=True)
    template = models.TextField(blank=True)
    value = models.JSONField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0, editable=False)
    digest = models.CharField(max_length=64, blank=True, editable=False)
    published_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When this version was first published."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block", "key"], name="content_variant_key"),
            models.UniqueConstraint(
                fields=["block"], condition=Q(is_default=True), name="content_one_default_variant"
            ),
        ]

    def __str__(self) -> str:
        return self.name

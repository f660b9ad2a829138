"""What can be shown and where: placements, blocks, and their variants tagged with segments.

The rows are the editors' draft: `revision` counts the saves of one, `archived_at` is set on what is
out of use but kept. A publication freezes them through `selectors`; nothing here is
read while a visitor waits.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from apps.content.models.caps import Cap
from apps.content.models.keys import check_key
from apps.content.models.kinds import BlockType
from apps.content.models.themes import Theme
from apps.work.ids import uuid7

MAX_ITEMS = 50  # of one recommendations block, so that an answer stays small


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

    class Channel(models.TextChoices):
        PAGE = "page", "Pages"
        EMAIL = "email", "E-mail: never shown on a page"

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
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.PAGE)
    type = models.ForeignKey(
        BlockType,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="blocks",
        help_text="Fields that it shares with other blocks. Empty: it has fields of its own.",
    )
    schema = models.JSONField(
        default=list,
        blank=True,
        help_text="The typed fields of every variant, in order; unless the block has a type.",
    )
    is_cacheable = models.BooleanField(
        "may be cached",
        default=False,
        help_text=(
            "May caches and CDNs keep each variant for all visitors of the same segments? Variants "
            "that show something of one visitor, or that are capped or in an experiment, are left "
            "out. Who has a key of these segments can read their variants."
        ),
    )

    caps = models.ManyToManyField(
        Cap,
        blank=True,
        related_name="blocks",
        help_text="Every variant but the default draws on these caps.",
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

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

    @property
    def fields_schema(self) -> object:
        """The declared fields: the type's, else its own. One query unless the type is at hand."""
        return self.schema if self.type is None else self.type.schema


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

    caps = models.ManyToManyField(
        Cap,
        blank=True,
        related_name="placements",
        help_text="Whatever is shown here but the default draws on these caps.",
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

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
    caps = models.ManyToManyField(
        Cap,
        blank=True,
        related_name="variants",
        help_text="Showing this variant draws on these caps.",
    )
    theme = models.ForeignKey(
        Theme,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="variants",
        help_text="It is for the theme's segments too, and may show {{ theme.<message> }}.",
    )
    fields = models.JSONField(default=dict, blank=True)
    template = models.TextField(blank=True)
    value = models.JSONField(null=True, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at once.")
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
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
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="content_variant_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.name

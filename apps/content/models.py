"""What can be shown and where: placements, blocks, and their variants tagged with segments.

The rows are the editors' draft. A publication freezes them through `selectors`; nothing here is
read while a visitor waits.
"""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from apps.content.types import KEY_PATTERN, KEY_RULE
from apps.work.ids import uuid7
from engine.capping import MAX_SHOWINGS

MAX_ITEMS = 50  # of one recommendations block, so that an answer stays small

check_key = RegexValidator(rf"\A{KEY_PATTERN}\Z", KEY_RULE, code="invalid_key")


class Cap(models.Model):
    """How often one visitor may be shown something. Whatever names a cap draws on its one budget.

    A cap is never deleted: what was shown is kept by its number, which nothing else may get.
    """

    class Per(models.TextChoices):
        VISITOR = "visitor", "Visitor"
        SESSION = "session", "Visitor and session: it ends after 30 minutes without an event"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="caps")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=100, validators=[check_key])
    name = models.CharField(max_length=120)
    most = models.PositiveSmallIntegerField(
        "at most",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_SHOWINGS)],
        help_text="Showings, 1 to 100. Empty: any number.",
    )
    window_ms = models.PositiveBigIntegerField(
        "in any", null=True, blank=True, help_text="Empty: ever, as far as showings are kept."
    )
    per = models.CharField(max_length=10, choices=Per.choices, default=Per.VISITOR)
    cooldown_ms = models.PositiveBigIntegerField(
        "then not for", default=0, help_text="At least this long after the last showing."
    )
    half_life_ms = models.PositiveBigIntegerField(
        "wears off by half in",
        null=True,
        blank=True,
        help_text="Fatigue: with it, the intensity falls with each showing and comes back.",
    )
    step = models.FloatField(
        "each showing takes",
        default=0.2,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Of the intensity, 0 to 1.",
    )
    floor = models.FloatField(
        "down to",
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="The least intensity that is left.",
    )
    skip_below = models.FloatField(
        "not shown below",
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Below this intensity nothing is shown.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="content_cap_key"),
            models.UniqueConstraint(fields=["site", "number"], name="content_cap_number"),
        ]

    def __str__(self) -> str:
        return self.name


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

    caps = models.ManyToManyField(
        Cap,
        blank=True,
        related_name="placements",
        help_text="Whatever is shown here but the default draws on these caps.",
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
    caps = models.ManyToManyField(
        Cap,
        blank=True,
        related_name="variants",
        help_text="Showing this variant draws on these caps.",
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

"""What the decision log comes to by day, what a trial of it found, and what an audit of the content
found. Nobody is in these tables: they hold counts and words.
"""

from django.conf import settings
from django.db import models

from apps.work.ids import uuid7


class ServedDay(models.Model):
    """What was answered in one placement on one day of UTC, counted from the decision log.

    Grain: site, day, placement, variant, reason, rule (empty: none).

    Attributes:
        calls: answers.
        visitors: profiles among whom they were given; who has no profile is in none of them.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="served_days")
    day = models.DateField()
    placement = models.CharField(max_length=100)
    variant = models.CharField(max_length=100)
    reason = models.CharField(max_length=20)
    rule = models.CharField(max_length=100, blank=True)
    calls = models.PositiveBigIntegerField()
    visitors = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "day", "placement", "variant", "reason", "rule"],
                name="decisions_served_once",
            )
        ]
        indexes = [
            models.Index(fields=["site", "placement", "day"], name="decisions_served_place"),
        ]

    def __str__(self) -> str:
        return f"{self.placement} {self.variant} on {self.day:%Y-%m-%d}"


class ShownDay(models.Model):
    """What was seen of one placement on one day of UTC, and what came of it, from the events.

    Grain: site, day, placement, variant.

    Attributes:
        exposures: showings that pages told; the day is that of the showing.
        conversions: goals reached that name a decision of this placement and variant.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="shown_days")
    day = models.DateField()
    placement = models.CharField(max_length=100)
    variant = models.CharField(max_length=100)
    exposures = models.PositiveBigIntegerField()
    conversions = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "day", "placement", "variant"], name="decisions_shown_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.placement} {self.variant} shown on {self.day:%Y-%m-%d}"


class ArmDay(models.Model):
    """What was served and seen of one arm of an experiment on one day of UTC.

    Attributes:
        calls: answers that were logged; failed: those that could not be made.
        shown: answers that pages told to have shown, by the day of the showing.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="arm_days")
    day = models.DateField()
    experiment = models.CharField(max_length=100)
    arm = models.CharField(max_length=100)
    calls = models.PositiveBigIntegerField()
    failed = models.PositiveBigIntegerField()
    shown = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "experiment", "day", "arm"], name="decisions_arm_day_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.experiment} {self.arm} on {self.day:%Y-%m-%d}"


class CountedDay(models.Model):
    """Up to where a day is counted: with how many records and events, when, and how long it took.

    Another number of records means that some have come, late ones too: the day is counted anew.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="counted_days")
    day = models.DateField()
    records = models.PositiveBigIntegerField()
    counted_at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "day"], name="decisions_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} with {self.records} records"


class DryRunAsked(models.Model):
    """A question what a change would have done to the decisions of the last days, and its answer.

    Attributes:
        asked: what is tried, as the page reads it: {"drafts": true}, {"rule": id, "enabled": bool},
            {"publication": number}, ...
        found: the answer, null while it is worked out.
        refused: why there is none, in words.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="dry_runs")
    asked = models.JSONField()
    days = models.PositiveSmallIntegerField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="dry_runs"
    )
    at = models.DateTimeField()
    intent_id = models.UUIDField(null=True)
    found = models.JSONField(null=True)
    refused = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["site", "-at"], name="decisions_dry_run_site")]

    def __str__(self) -> str:
        return f"dry run at {self.at:%Y-%m-%d %H:%M}"


class ContentFinding(models.Model):
    """One line of the audit of a site's content: what is wrong with which thing, and since when.

    Attributes:
        kind: which check found it, such as "never_served".
        place: what it is about, such as "variant:<id>"; with kind it names the line.
        fingerprint: of what was found. Another one: it has changed, so nobody has set it aside.
        link: an address of the admin; empty where there is none to go to.
        weight: how much it matters, from 0; the greatest first.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="content_findings")
    kind = models.CharField(max_length=40)
    place = models.CharField(max_length=160)
    fingerprint = models.CharField(max_length=32)
    name = models.CharField(max_length=250)
    text = models.TextField()
    advice = models.TextField()
    link = models.CharField(max_length=300, blank=True)
    weight = models.PositiveSmallIntegerField(default=0)
    first_found_at = models.DateTimeField()
    found_at = models.DateTimeField()
    dismissed_at = models.DateTimeField(null=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="findings_dismissed"
    )
    dismissed_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "kind", "place"], name="decisions_finding_once")
        ]
        indexes = [
            models.Index(
                fields=["site", "kind"],
                condition=models.Q(dismissed_at=None),
                name="decisions_finding_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"

"""What is known of one person over all their identities."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.work.ids import uuid7


class Profile(models.Model):
    """One person as the site knows them. `bucketing_key` never changes; a merge keeps the older."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="profiles")
    bucketing_key = models.CharField(max_length=64)
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged_from"
    )
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["site", "-created_at"], name="profiles_recent")]
        permissions = [("view_people", "Can look at one person's page, with a reason")]

    def __str__(self) -> str:
        return f"profile {self.pk}"


class Identity(models.Model):
    """One identifier and its kind. `profile` is where it points now; links keep the past."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="identities")
    kind = models.CharField(max_length=40)
    value = models.CharField(max_length=512)
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="identities")
    is_shared = models.BooleanField(
        default=False, help_text="Has belonged to more than one person: its links say when."
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(
                fields=["site", "kind", "value"], name="profiles_identity_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class IdentityLink(models.Model):
    """That an anonymous identity was seen to be this profile's, from `since` (occurred) on.

    Its events belong to the latest link at or before them, those before all links to the first:
    on a shared device each person keeps their own, whatever the order of arrival.
    """

    id = models.BigAutoField(primary_key=True)
    identity = models.ForeignKey(Identity, models.CASCADE, related_name="links")
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="identity_links")
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identity", "since"], name="profiles_link_unique")
        ]

    def __str__(self) -> str:
        return f"identity {self.identity_id} since {self.since:%Y-%m-%d}"


class Trait(models.Model):
    """A named, typed attribute of a profile as last observed, with where it came from and when."""

    id = models.BigAutoField(primary_key=True)
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="traits")
    key = models.CharField(max_length=120)
    value = models.JSONField()
    source = models.CharField(max_length=60)
    observed_at = models.DateTimeField()
    message_id = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "key"], name="profiles_trait_unique")
        ]

    def __str__(self) -> str:
        return self.key


class TraitChange(models.Model):
    """Every observation of a trait, append-only: value, source, consent epoch and time."""

    id = models.BigAutoField(primary_key=True)
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="trait_changes")
    key = models.CharField(max_length=120)
    value = models.JSONField(null=True)
    source = models.CharField(max_length=60)
    observed_at = models.DateTimeField()
    received_at = models.DateTimeField()
    consent_epoch = models.IntegerField()
    message_id = models.CharField(max_length=100, blank=True)
    identity_id = models.BigIntegerField(
        null=True, help_text="Whose observation it is, whatever profiles have been joined since."
    )

    def __str__(self) -> str:
        return self.key


class MergeRecord(models.Model):
    """That two profiles were found to be one person: `loser` was folded into `winner`.

    `kept` is what each holder needs to undo that, by its name: ids and choices of before. Null in
    merges of a time when nothing was kept: those cannot be undone.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="merges")
    winner = models.ForeignKey(Profile, models.CASCADE, related_name="merges_won")
    loser = models.ForeignKey(Profile, models.CASCADE, related_name="merges_lost")
    cause = models.CharField(max_length=40)
    message_id = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()
    kept = models.JSONField(null=True, editable=False)
    undone_at = models.DateTimeField(null=True, editable=False)
    undone_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        permissions = [("undo_merge", "Can undo a merge of two profiles")]

    def __str__(self) -> str:
        return f"{self.loser_id} into {self.winner_id}"


class KeptApart(models.Model):
    """That two profiles were split by hand: no event joins them again. `one` is the lesser id."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="kept_apart")
    one = models.ForeignKey(Profile, models.CASCADE, related_name="+")
    other = models.ForeignKey(Profile, models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "kept apart"
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="profiles_apart_unique")
        ]

    def __str__(self) -> str:
        return f"{self.one_id} and {self.other_id}"


class ProfileState(models.Model):
    """Everything the live path needs of one profile, in one row (so an update stays HOT).

    The codec of each section lives with the app that owns its meaning: `history` with events,
    `memberships` with segments, the consent columns with consent, `caps` with decisions.
    """

    profile = models.OneToOneField(
        Profile, models.CASCADE, primary_key=True, related_name="state", db_index=False
    )
    site_id = models.UUIDField()
    unit_id = models.CharField(max_length=64, help_text="The profile's bucketing key.")
    identities = models.JSONField(default=list, help_text='"kind:value", the newest 20.')
    version = models.BigIntegerField(default=0, help_text="Raised by every write of the row.")
    consent_epoch = models.IntegerField(default=0)
    granted = models.SmallIntegerField(
        default=0, help_text="Purposes with a recorded yes, as bits."
    )
    denied = models.SmallIntegerField(default=0, help_text="Purposes with a recorded no, as bits.")
    consents = models.BinaryField(
        default=b"", db_default=b"", help_text="The state of each purpose, and since when."
    )
    consent_until = models.DateTimeField(
        null=True, help_text="From then on no recorded yes counts. Empty: none of them ends."
    )
    holds = models.SmallIntegerField(
        default=0, db_default=0, help_text="What stands in the way whatever they chose, as bits."
    )
    residence = models.CharField(
        max_length=10, default="", db_default="", help_text='As declared: "DE", "US-CA".'
    )
    history = models.BinaryField(default=b"")
    memberships = models.BinaryField(default=b"")
    caps = models.BinaryField(
        default=b"", db_default=b"", help_text="What was shown that frequency caps count."
    )
    inside = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=[],
        help_text="Of `memberships`: the segments it is in, as bits. Segment n: word n / 62.",
    )
    traits = models.JSONField(
        default=dict, help_text="key: [value, observed at in ms, message id]; newest wins."
    )
    event_count = models.BigIntegerField(default=0)
    first_seen_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    last_message_id = models.CharField(max_length=100, blank=True)
    merged_into = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"state of {self.pk} v{self.version}"


class Due(models.Model):
    """The next instant at which something about a profile changes without an event."""

    profile = models.OneToOneField(
        Profile, models.CASCADE, primary_key=True, related_name="due", db_index=False
    )
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.pk} at {self.due_at:%H:%M:%S}"


class TraitKind(models.Model):
    """What a site says of one of its traits. Unmarked: an identifier by its name, else personal."""

    class Kind(models.TextChoices):
        PLAIN = "plain", "Plain: says nothing about the person"
        PERSONAL = "personal", "Personal"
        IDENTIFIER = "identifier", "Identifier: names or reaches the person; encrypted"
        SENSITIVE = "sensitive", "Sensitive: needs consent of its own; encrypted"

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="trait_kinds")
    key = models.CharField("trait", max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "kind of a trait"
        verbose_name_plural = "kinds of traits"
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="profiles_traitkind_unique")
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.kind}"


class SubjectKey(models.Model):
    """The key of one person's encrypted values, wrapped by a master key. See vault.py.

    Without a profile it is the site's, of its blind index. Kept apart from the data in backups,
    and loaded after it: so the database checks no references.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="+", db_constraint=False)
    profile = models.ForeignKey(
        Profile, models.CASCADE, null=True, related_name="subject_keys", db_constraint=False
    )
    wrapped = models.BinaryField()
    master = models.CharField(max_length=32, help_text="Name of the master key that wrapped it.")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=models.Q(profile=None), name="profiles_sitekey_unique"
            )
        ]

    def __str__(self) -> str:
        return f"key {self.pk}"


class Contact(models.Model):
    """That a profile gave an address or a number: its keyed digest, by which it can be looked up.

    In backups it is kept with the keys.
    """

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=8, help_text="email or phone")
    digest = models.UUIDField(help_text="See vault.blind.")
    profile = models.ForeignKey(
        Profile, models.CASCADE, related_name="contacts", db_constraint=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "kind", "digest", "profile"], name="profiles_contact_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.profile_id}"


class Duplicate(models.Model):
    """That two profiles may be one person, and what somebody has decided. `one` is the lesser id.

    `why` names the kinds of what they have in common, never the values.
    """

    class State(models.TextChoices):
        OPEN = "open", "To be looked at"
        MERGED = "merged", "Merged"
        APART = "apart", "Two people"

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="duplicates")
    one = models.ForeignKey(Profile, models.CASCADE, related_name="+")
    other = models.ForeignKey(Profile, models.CASCADE, related_name="+")
    why = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="profiles_duplicate_unique")
        ]
        indexes = [models.Index(fields=["site", "state", "-found_at"], name="profiles_duplicates")]
        permissions = [("merge_profiles", "Can merge two profiles by hand")]

    def __str__(self) -> str:
        return f"{self.one_id} and {self.other_id}"

"""Headless content systems that send entries, what they sent, and what became of it."""

import secrets
from base64 import b64encode

from django.db import models
from django.db.models import Q

from apps.work.ids import uuid7

KEPT_DAYS = 30  # calls that came to an end


def new_secret() -> str:
    """Return a secret in the form of Standard Webhooks."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


class Connection(models.Model):
    """One content system that may write drafts of one site, which it never publishes.

    Or an e-mail provider, which tells what became of messages: that is recorded as events.
    """

    class Kind(models.TextChoices):
        CONTENTFUL = "contentful", "Contentful"
        STRAPI = "strapi", "Strapi"
        STANDARD = "standard", "Another: JSON signed as Standard Webhooks"
        SENDGRID = "sendgrid", "E-mail: SendGrid"
        POSTMARK = "postmark", "E-mail: Postmark"
        MAILGUN = "mailgun", "E-mail: Mailgun"
        EMAIL = "email", "E-mail: another, JSON signed as Standard Webhooks"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="connections")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    secret = models.CharField(max_length=200, default=new_secret)
    seen_path = models.CharField(
        "path that the sender calls",
        max_length=300,
        blank=True,
        help_text="Only where a proxy in front of this server changes the path: Contentful signs "
        "the one that it calls. Empty: as it arrives here.",
    )
    tag_prefix = models.CharField(
        "tags that name segments begin with",
        max_length=40,
        default="segment.",
        blank=True,
        help_text='"segment." makes the tag "segment.vip" stand for the segment "vip". Other tags '
        "are left alone. Empty: segments are chosen here, and stay as they are.",
    )
    is_enabled = models.BooleanField("switched on", default=True)
    created_at = models.DateTimeField(editable=False)
    source = models.ForeignKey(
        "access.Source",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="Whose events those of an e-mail provider are; it says what silence is.",
    )
    last_event_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "content system"
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="integrations_connection_name")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tells_of_email(self) -> bool:
        """Whether it is an e-mail provider: it writes events, no drafts."""
        return self.kind in _EMAIL


_EMAIL = frozenset(
    {
        Connection.Kind.SENDGRID,
        Connection.Kind.POSTMARK,
        Connection.Kind.MAILGUN,
        Connection.Kind.EMAIL,
    }
)


class Mapping(models.Model):
    """Which block the entries of a content type become variants of, and which field is which."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="mappings")
    content_type = models.CharField(
        max_length=200, help_text='As the content system calls it: "heroBanner".'
    )
    block = models.ForeignKey("content.Block", models.CASCADE, related_name="mappings")
    fields = models.TextField(
        blank=True,
        help_text='One a line, theirs and ours: "title = headline". Empty: those of the same name.',
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "content_type"], name="integrations_mapping_type"
            )
        ]

    def __str__(self) -> str:
        return self.content_type


class EntryLink(models.Model):
    """The variant that an entry became, and when the entry was what is written there."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="links")
    entry = models.CharField(max_length=200)
    locale = models.CharField(max_length=35, blank=True, help_text="Empty: all of the entry.")
    variant = models.ForeignKey("content.Variant", models.CASCADE, related_name="entry_links")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "entry", "locale"], name="integrations_link_entry"
            )
        ]

    def __str__(self) -> str:
        return self.entry


class Incoming(models.Model):
    """One call whose signature was right: the bytes as they came, and what became of them."""

    class State(models.TextChoices):
        WAITING = "waiting", "waits"
        DONE = "done", "in the draft"
        LEFT = "left", "nothing to do"
        REFUSED = "refused", "refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="incoming", db_index=False
    )
    delivery = models.CharField(max_length=200, help_text="The sender's id of the call, or digest.")
    event = models.CharField(max_length=200, blank=True)
    body = models.BinaryField()
    repaired = models.TextField(blank=True, help_text="What is imported in the place of the body.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=1000, blank=True)
    variant = models.ForeignKey(
        "content.Variant", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    received_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "incoming content"
        verbose_name_plural = "incoming content"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "delivery"], name="integrations_incoming_once"
            )
        ]
        indexes = [
            models.Index(fields=["-received_at"], name="integrations_incoming_at"),
            models.Index(
                fields=["ended_at"], condition=~Q(ended_at=None), name="integrations_incoming_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event or 'call'} of {self.received_at:%Y-%m-%d %H:%M:%S}"

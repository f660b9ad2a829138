"""Messages that wait to be sent, and the fact that others were."""

from django.db import models

from apps.work.ids import uuid7


class Message(models.Model):
    """One e-mail. Whom it is for and what it says are encrypted, and emptied once it is sent.

    The row stays as the record that a message of this kind went out; nobody can be found by it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waits"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"
        # Also of an address that nobody here has: which of the two, no row tells.
        CLOSED = "closed", "closed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey("access.Site", models.CASCADE, related_name="messages")
    template = models.CharField(max_length=60)
    sealed = models.BinaryField(
        default=b"", help_text="Address and words, encrypted. Empty once nothing is to be sent."
    )
    is_for_known = models.BooleanField(
        default=False, help_text="Sent only if the address belongs to somebody this site knows."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(
        max_length=120, blank=True, help_text="The kind of error of the last attempt, no more."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="What was not sent by then is closed.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "failed"]) | models.Q(sealed=b""),
                name="privacy_message_emptied",
            )
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["waiting", "failed"]),
                name="privacy_message_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.template.replace('_', ' ').capitalize()} ({self.state})"

"""What the studio keeps of staff: how far somebody is with the start tour."""

from django.conf import settings
from django.db import models


class Tour(models.Model):
    """The start tour of one staff member. Without a row it is shown, and nothing was opened.

    Attributes:
        put_away_at: since when the home page does not show it; null: it does.
        opened: keys of the steps whose pages were opened from the tour.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="start_tour"
    )
    put_away_at = models.DateTimeField(null=True)
    opened = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"start tour of {self.user_id}"

"""Beat's scheduler: the one of django-celery-beat, which says in every turn that it lives."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from apps.work import alive


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # it has no types
    """Schedules are rows that the admin changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._voice = alive.Voice("beat")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next turn, at most five."""
        self._voice.say()
        seconds: float = super().tick(*args, **kwargs)
        return seconds

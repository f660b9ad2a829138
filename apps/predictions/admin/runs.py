"""What came of each training."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from apps.predictions.models import TrainingRun

LEVELS: dict[str, str] = {
    TrainingRun.State.READY: "info",
    TrainingRun.State.PROMOTED: "ok",
    TrainingRun.State.FAILED: "bad",
    TrainingRun.State.REFUSED: "warn",
}


class ReadOnly(admin.ModelAdmin[Any]):
    """Rows that training writes and people look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lineage stays."""
        return False


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    """Trainings, newest first, in words."""

    list_display = ["spec", "started_at", "how", "cause", "outcome", "rows", "version"]
    list_filter = ["state", "cause", "spec__site", "spec"]
    list_select_related = ["spec", "version__spec"]
    ordering = ["-started_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False

    @admin.display(description="What came of it", ordering="state")
    def how(self, run: TrainingRun) -> str:
        """The state in words, coloured."""
        words = run.get_state_display().partition(":")[0].capitalize()
        return format_html('<span class="badge is-{}">{}</span>', LEVELS.get(run.state, ""), words)

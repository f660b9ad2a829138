"""Versions: the card of each, its gates and its curves. Nothing of a version is for editing."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.access.small_cells import words as counted_words
from apps.predictions import online, services
from apps.predictions.admin import shown, watched
from apps.predictions.admin.runs import ReadOnly
from apps.predictions.domain import plot
from apps.predictions.domain.card import (
    figures,
    method_in_words,
    sentences,
    thresholds,
    words_of,
)
from apps.predictions.models import Group, ModelSpec, ModelVersion
from apps.work import clock

LEVELS: dict[str, str] = {
    ModelVersion.State.CHAMPION: "ok",
    ModelVersion.State.CHALLENGER: "info",
    ModelVersion.State.REFUSED: "bad",
}
SHOWN_FEATURES = 12
SHOWN_DIFFERENCES = 3  # of a group


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    """Trained models, newest first."""

    list_display = ["named", "how", "trained_at", "auc", "log_loss", "base_log_loss", "method"]
    list_filter = ["state", "spec__site", "spec"]
    list_select_related = ["spec"]
    ordering = ["-trained_at"]

    def get_urls(self) -> list[URLPattern]:
        """With what has changed since it was trained, and how it treats groups."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:version_id>/drift/", view(watched.drift), name="predictions_watch"),
            path(
                "<uuid:version_id>/fairness/",
                view(watched.fairness),
                name="predictions_fairness",
            ),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: whoever decides does so on the model's page, with the gates before them."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The card."""
        version: ModelVersion | None = self.get_object(request, object_id)
        if version is None:
            raise Http404
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": str(version),
            "opts": self.opts,
            "version": version,
            "level": LEVELS.get(version.state, "plain"),
            "shown": shown.of_version(version, clock.now()),
            "method": method_in_words(version.method),
            "words": _words(version),
            "pictures": _pictures(version),
            "figures": figures(version.card),
            "thresholds": thresholds(version.card),
            "proposal": (version.card.get("report") or {}).get("proposal", {}).get("words", ""),
            "trials": _trials(version),
            "software": version.lineage.get("software", {}),
            "settings": version.lineage.get("hyperparameters", {}),
            "data_sha256": version.data_sha256 or version.lineage.get("rows_sha256", ""),
            "outputs": _outputs(version),
            "may_decide": request.user.has_perm(services.DECIDE),
            "not_online": online.why_not(version),
        }
        return TemplateResponse(request, "admin/predictions/version.html", context)

    @admin.display(description="Version", ordering="spec__name")
    def named(self, version: ModelVersion) -> str:
        return str(version)

    @admin.display(description="State", ordering="state")
    def how(self, version: ModelVersion) -> str:
        """The state in a word, coloured."""
        level = LEVELS.get(version.state, "plain")
        words = version.get_state_display().partition(":")[0]
        return format_html('<span class="badge is-{}">{}</span>', level, words)

    @admin.display(description="AUC")
    def auc(self, version: ModelVersion) -> str:
        return _number(version, "auc", 3)

    @admin.display(description="Log loss")
    def log_loss(self, version: ModelVersion) -> str:
        return _number(version, "log_loss", 4)

    @admin.display(description="Of the plain rate")
    def base_log_loss(self, version: ModelVersion) -> str:
        return _number(version, "base_log_loss", 4)


def _number(version: ModelVersion, name: str, digits: int) -> str:
    value = version.card.get(name)
    return "-" if value is None else f"{value:.{digits}f}"


def _words(version: ModelVersion) -> list[tuple[str, str]]:
    """The card in sentences; other kinds of questions have cards of their own."""
    if version.spec.kind == ModelSpec.Kind.GROUPS:
        return [(one.name, _of_group(one)) for one in version.groups.order_by("-size", "key")]
    if "auc" not in version.card:
        words = version.card.get("words", [])
        return [(one[0], one[1]) for one in words if isinstance(one, list) and len(one) == 2]
    return sentences(version.card, version.lineage, version.spec.trait)


def _of_group(group: Group) -> str:
    """Its size, and what is most different of its people."""
    told = [
        f"{one['words']} {one['mean']:,.3g}, of the others {one['others']:,.3g}"
        for one in group.words[:SHOWN_DIFFERENCES]
    ]
    return f"{counted_words(group.size)} visitors. On average: {'; '.join(told)}."


def _pictures(version: ModelVersion) -> list[tuple[str, SafeString]]:
    """Titles and drawings. Markup of our own, into which numbers and escaped words are put."""
    card = version.card
    report = card.get("report") or {}
    curves = report.get("curves") or {}
    top = card.get("importance") or card.get("gains") or []
    found: list[tuple[str, str]] = []
    if top:
        named = [(words_of(name), float(share)) for name, share in top[:SHOWN_FEATURES]]
        found.append(("What it goes by", plot.shares_svg(named, "What it goes by")))
    if curves.get("reliability"):
        found.append(("Can be believed?", plot.reliability_svg(curves["reliability"])))
    elif card.get("bins"):
        found.append(("Can be believed?", plot.calibration_svg(card["bins"])))
    if report.get("deciles"):
        tenths = [[one["lift"], one["low"], one["high"]] for one in report["deciles"]]
        found.append(("How much richer is the top?", plot.lift_svg(tenths)))
    if curves.get("roc"):
        found.append(("Tells apart (ROC)", plot.roc_svg(curves["roc"])))
    if curves.get("precision_recall"):
        drawn = plot.precision_recall_svg(curves["precision_recall"], card["base_rate"])
        found.append(("Precision and recall", drawn))
    if card.get("learning"):
        points = [
            [one["rows"], one["log_loss"], one["low"], one["high"], one["taught_log_loss"]]
            for one in card["learning"]
        ]
        found.append(("Would more data help?", plot.learning_svg(points)))
    return [(title, mark_safe(svg)) for title, svg in found]  # nosec B308, B703


def _trials(version: ModelVersion) -> list[dict[str, Any]]:
    run = version.runs.order_by("-started_at").first()
    trials = [] if run is None else run.report.get("trials", [])
    judged = [one for one in trials if one.get("log_loss") is not None]
    return sorted(judged, key=lambda one: float(one["log_loss"]))[:10]


def _outputs(version: ModelVersion) -> list[tuple[str, dict[str, Any]]]:
    return sorted((version.card.get("outputs") or {}).items())

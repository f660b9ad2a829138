"""The menu beside every page: what this role may open, in groups that follow the work."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. `adds` is where a new one is made, empty when there is no such page."""

    label: str
    url: str
    icon: str
    adds: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A heading (empty for the first group) and its lines."""

    title: str
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the studio's own, for those with all the permissions."""

    label: str
    name: str
    icon: str
    permissions: tuple[str, ...] = ()


SEES_RECORDS: Final = ("privacy.view_retentionrun",)
SEES_DUPLICATES: Final = ("profiles.view_duplicate", "profiles.merge_profiles")
SEES_EXPERIMENTS: Final = ("experiments.view_experiment",)
SEES_PEOPLE: Final = ("profiles.view_profile", "decisions.view_decisionrecord")

# A text is a model ("app.model"), with the word for it and its icon.
_MENU: Final[Sequence[tuple[str, Sequence[Page | tuple[str, str, str]]]]] = (
    (
        "",
        (
            Page("Home", "admin:index", "home"),
            Page("Preview", "admin:preview", "page", ("content.view_block",)),
            Page("Why this content?", "admin:why", "why", ("decisions.view_publication",)),
        ),
    ),
    (
        "Content",
        (
            ("content.placement", "Placements", "frame"),
            ("content.block", "Blocks", "block"),
            Page("Flags", "admin:content_flags", "tag", ("content.view_block",)),
            ("content.theme", "Themes", "people"),
            ("content.asset", "Pictures", "page"),
            ("rules.rule", "Rules", "rule"),
            ("rules.trigger", "Triggers", "spark"),
            ("content.cap", "Frequency caps", "clock"),
            Page("Publish", "admin:publish", "send", ("decisions.publish_site",)),
            Page("Releases", "admin:releases", "list", ("decisions.view_publication",)),
            Page("Publications", "admin:publications", "book", ("decisions.view_publication",)),
            Page("Coverage", "admin:coverage", "people", ("content.view_block",)),
            Page("Dry run", "admin:dry_run", "spark", ("content.view_block",)),
            Page("Audit", "admin:audit", "check", ("content.view_block",)),
        ),
    ),
    (
        "Audience",
        (
            ("segments.segment", "Segments", "people"),
            Page("Overlap and thresholds", "admin:audience", "frame", ("segments.view_segment",)),
            ("segments.segmentlist", "Lists", "list"),
            ("segments.computedtrait", "Computed traits", "chart"),
            ("segments.persona", "Personas", "person"),
            ("profiles.profile", "Profiles", "person"),
            Page("Duplicates", "admin:duplicates", "people", SEES_DUPLICATES),
            ("profiles.traitkind", "Kinds of traits", "tag"),
        ),
    ),
    (
        "Privacy",
        (
            ("privacy.request", "Requests", "person"),
            ("privacy.bulkaction", "Bulk actions", "people"),
            ("privacy.requestevent", "Log of requests", "list"),
            ("consent.consentevent", "Consent", "shield"),
            ("consent.noticeversion", "Notices", "page"),
            ("consent.recipient", "Recipients", "send"),
            ("privacy.message", "Messages", "send"),
            ("privacy.retentionrun", "Retention", "clock"),
            Page("Record of processing", "admin:privacy_processing", "book", SEES_RECORDS),
            Page("Impact assessment", "admin:privacy_impact", "check", SEES_RECORDS),
            Page("Breach", "admin:privacy_breach", "alert", ("profiles.view_people",)),
        ),
    ),
    (
        "Experiments",
        (
            ("experiments.experiment", "Experiments", "chart"),
            ("experiments.metric", "Metrics", "check"),
            ("experiments.layer", "Layers", "frame"),
            ("experiments.holdout", "Holdouts", "shield"),
            Page("Archive", "admin:experiment_archive", "book", SEES_EXPERIMENTS),
            Page("Worth", "admin:experiments_worth", "chart", SEES_EXPERIMENTS),
            Page("What if", "admin:experiments_what_if", "why", SEES_EXPERIMENTS),
        ),
    ),
    (
        "Learning",
        (
            ("recommendations.recommender", "Recommenders", "spark"),
            ("predictions.modelspec", "Models", "chart"),
            Page("Groups", "admin:learning_groups", "people", ("predictions.view_modelspec",)),
            Page("Value", "admin:learning_value", "chart", ("predictions.view_modelspec",)),
            ("recommendations.item", "Items", "tag"),
        ),
    ),
    (
        "Data",
        (
            ("events.quarantine", "Quarantine", "alert"),
            ("events.eventschema", "Event names", "list"),
            ("events.intakeminute", "Intake by minute", "chart"),
            ("decisions.decisionrecord", "Decisions", "list"),
        ),
    ),
    (
        "System",
        (
            ("access.site", "Sites", "globe"),
            ("access.source", "Sources", "plug"),
            ("access.apikey", "API keys", "key"),
            ("access.alertaddress", "Alerts", "send"),
            ("delivery.purgeaddress", "Cache purges", "send"),
            ("integrations.connection", "Content systems", "plug"),
            ("integrations.incoming", "Incoming content", "list"),
            ("work.intent", "Work", "gear"),
            ("django_celery_beat.periodictask", "Schedules", "clock"),
            ("auth.user", "Staff", "person"),
            ("auth.group", "Roles", "people"),
            ("access.auditentry", "Audit trail", "book"),
        ),
    ),
)
# Reached from the pages that they belong to.
_BENEATH: Final = frozenset(
    {
        "content.blocktype",
        "decisions.publication",
        "django_celery_beat.clockedschedule",
        "django_celery_beat.crontabschedule",
        "django_celery_beat.intervalschedule",
        "django_celery_beat.solarschedule",
        "predictions.modelversion",
        "predictions.score",
        "predictions.trainingrun",
        "recommendations.itemlist",
        "recommendations.recommenderversion",
        "work.changefeed",
    }
)


def navigation(
    user: User | AnonymousUser,
    app_list: Iterable[Mapping[str, Any]],
    path: str,
    with_site: Callable[[str, str], str],
) -> list[Group]:
    """Return the menu.

    Args:
        app_list: what the admin itself would list for this user: only what they may open.
        path: of the page that is shown.
        with_site: (model label, address) -> the address, narrowed to the chosen site.
    """
    offered = {
        f"{app['app_label']}.{model['object_name'].lower()}": model
        for app in app_list
        for model in app["models"]
        if model.get("admin_url")
    }
    groups = []
    for title, items in _MENU:
        entries = []
        for item in items:
            if isinstance(item, Page):
                if user.has_perms(item.permissions):
                    entries.append(_page_entry(item, path))
            elif item[0] in offered:
                entries.append(_model_entry(item, offered.pop(item[0]), path, with_site))
        groups.append(Group(title, entries))
    rest = [
        _model_entry((label, str(model["name"]), "list"), model, path, with_site)
        for label, model in offered.items()
        if label not in _BENEATH
    ]
    if rest:
        groups.append(Group("More", rest))
    return [group for group in groups if group.entries]


def _page_entry(page: Page, path: str) -> Entry:
    url = reverse(page.name)
    is_current = path == url if page.name == "admin:index" else path.startswith(url)
    return Entry(page.label, url, page.icon, "", is_current)


def _model_entry(
    item: tuple[str, str, str],
    model: Mapping[str, Any],
    path: str,
    with_site: Callable[[str, str], str],
) -> Entry:
    label, words, icon = item
    url = str(model["admin_url"])
    adds = str(model.get("add_url") or "")
    return Entry(words, with_site(label, url), icon, adds, path.startswith(url))

"""The record of processing (GDPR 30) and the list of recipients, made from what is configured now.

Nothing here is written by hand: a model that is trained, a segment that is published, a webhook
that is set up stands in the record from then on, and is gone from it when it is gone.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q

from apps.access.models import Site, Source
from apps.consent.declared import CHOICES
from apps.consent.models import Recipient
from apps.content.models import Placement
from apps.predictions.models import ModelSpec
from apps.privacy import retention
from apps.profiles.models import TraitKind
from apps.recommendations.models import Recommender
from apps.rules.models import Trigger
from apps.segments.models import Segment, SegmentList

_PURPOSES: Final = dict(CHOICES)
UNDECLARED: Final = "Not declared: it may not be activated"
VISITORS: Final = "Visitors and customers of the site"
_CONSENT: Final = "Consent where the law asks for it; else allowed until the visitor opts out"


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that is done with data about people.

    Args:
        kind, key: what it is in the configuration, and its name there.
        is_declared: it says what it is for.
    """

    kind: str
    key: str
    title: str
    purpose: str
    basis: str
    data: str
    recipients: str = "Nobody outside"
    people: str = VISITORS
    is_declared: bool = True


@dataclass(frozen=True, slots=True)
class ToldTo:
    """Somebody outside who is told about people."""

    name: str
    role: str
    country: str
    purposes: str
    contact: str
    through: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How long one kind of data is kept."""

    title: str
    days: int
    what: str


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one site at one moment."""

    site: str
    made_at: datetime
    controller: str
    contact: str
    regime: str
    activities: list[Activity]
    recipients: list[ToldTo]
    traits: dict[str, list[str]]
    kept: list[Kept]
    measures: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "made_at": self.made_at.isoformat()}


# What the product itself does for every site; docs/privacy.md and docs/security.md say more.
MEASURES: Final = (
    "Identifiers that name or reach a person, and sensitive traits, are encrypted one by one under"
    " a key of their person; erasing the person destroys the key.",
    "Network addresses are shortened before they are stored, browsers reduced to family and"
    " version, queries taken out of addresses.",
    "Consent is asked at every use: when events come in, when content is chosen, when models are"
    " trained, and when somebody else is told.",
    "Roles separate who writes content, who sees figures, who handles requests, who sets up and who"
    " reviews. Values of a person are shown one person at a time, with a reason, and logged.",
    "The audit trail, the proof of consent, the log of requests and certificates of erasure are"
    " sealed; their heads are kept outside the database and checked every day.",
    "Counts of people below ten are not shown.",
    "What has been kept long enough is deleted every night, with proof.",
)


def record_of(site: Site, *, now: datetime) -> Record:
    """Return the record of a site as it is configured now."""
    return Record(
        site=site.name,
        made_at=now,
        controller=site.controller,
        contact=site.contact,
        regime=site.get_regime_display(),
        activities=[one for describe in _DESCRIBED for one in describe(site)],
        recipients=recipients_of(site),
        traits=_traits(site),
        kept=[
            Kept(kind.title, retention.days_of(kind, site), kind.what) for kind in retention.kinds()
        ],
        measures=list(MEASURES),
    )


def recipients_of(site: Site) -> list[ToldTo]:
    """Return who is told about people of a site, and addresses that nobody has put a name to."""
    found = []
    triggers = list(Trigger.objects.filter(site=site).order_by("key"))
    through: dict[UUID | None, list[str]] = {}
    for trigger in triggers:
        through.setdefault(trigger.recipient_id, []).append(f"trigger {trigger.key}")
    for one in Recipient.objects.filter(site=site).order_by("key"):
        found.append(
            ToldTo(
                name=one.name,
                role="For its own ends" if one.is_third_party else "Processor, on your behalf",
                country=one.country or "not said",
                purposes=", ".join(_PURPOSES.get(name, name).partition(":")[0]
                                   for name in one.purposes) or "not declared",
                contact=one.contact or one.endpoint or "not said",
                through=", ".join(through.get(one.pk, ())) or "nothing yet",
            )
        )  # fmt: skip
    found += [
        ToldTo(
            name=f"Whoever answers at {_host(trigger.webhook_address)}",
            role="not said",
            country="not said",
            purposes=_purpose(trigger.purpose),
            contact="not said",
            through=f"trigger {trigger.key}",
        )
        for trigger in triggers
        if trigger.recipient_id is None and trigger.webhook_address
    ]
    return found


def rows_of(record: Record) -> list[list[str]]:
    """Return the activities as rows of a sheet, the heading first."""
    heading = ["kind", "key", "title", "purpose", "basis", "data", "people", "recipients"]
    return [heading] + [[str(getattr(one, name)) for name in heading] for one in record.activities]


def recipient_rows(record: Record) -> list[list[str]]:
    """Return the recipients as rows of a sheet, the heading first."""
    heading = ["name", "role", "country", "purposes", "contact", "through"]
    return [heading] + [[str(getattr(one, name)) for name in heading] for one in record.recipients]


def _purpose(name: str) -> str:
    return _PURPOSES.get(name, UNDECLARED)


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0]


def _traits(site: Site) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in TraitKind.objects.filter(site=site).order_by("kind", "key"):
        found.setdefault(one.get_kind_display().partition(":")[0], []).append(one.key)
    return found


# What is done, kind by kind


def _sources(site: Site) -> Iterator[Activity]:
    bases = {
        Source.ConsentMode.REQUIRED: "Consent: without a yes nothing is stored",
        Source.ConsentMode.ASSUMED: "The site vouches for consent; a recorded no always counts",
    }
    in_use = Count("api_keys", filter=Q(api_keys__revoked_at=None))
    for one in Source.objects.filter(site=site).annotate(in_use=in_use).order_by("name"):
        yield Activity(
            "source", one.name, f"Events from {one.name}", "Measurement: how well something works",
            bases.get(Source.ConsentMode(one.consent_mode), _CONSENT),
            "Events, identifiers, shortened network address, browser family"
            f" ({one.in_use} keys in use)",
        )  # fmt: skip


def _segments(site: Site) -> Iterator[Activity]:
    rows = Segment.objects.filter(site=site, is_archived=False, is_hidden=False)
    for one in rows.filter(versions__isnull=False).distinct().order_by("key"):
        yield Activity(
            "segment", one.key, f"Segment {one.name}", _purpose(one.purpose), _CONSENT,
            "Events, traits and choices, as its condition reads them; since when somebody is in",
            is_declared=bool(one.purpose),
        )  # fmt: skip


def _lists(site: Site) -> Iterator[Activity]:
    for one in SegmentList.objects.filter(site=site).order_by("key"):
        yield Activity(
            "list", one.key, f"Uploaded list {one.name}", _purpose(one.purpose),
            one.get_basis_display() or "not declared", "Identifiers of people, as digests",
            is_declared=bool(one.purpose and one.basis),
        )  # fmt: skip


def _content(site: Site) -> Iterator[Activity]:
    asked = Count("rules", filter=Q(rules__archived_at=None))
    placements = Placement.objects.filter(site=site, archived_at=None).annotate(asked=asked)
    for one in placements.order_by("key"):
        yield Activity(
            "placement", one.key, f"Content of {one.key}", _purpose("targeting"), _CONSENT,
            f"Segments, traits and recent events; what was shown and why ({one.asked} rules)",
        )  # fmt: skip


def _models(site: Site) -> Iterator[Activity]:
    for one in ModelSpec.objects.filter(site=site, is_enabled=True).order_by("key"):
        yield Activity(
            "model", one.key, f"Model {one.name}", _purpose(one.purpose), _CONSENT,
            f"Counts and times of events of {one.window_days} days; a score for each visitor, how"
            f" likely {one.target_event} is",
            is_declared=bool(one.purpose),
        )  # fmt: skip


def _recommenders(site: Site) -> Iterator[Activity]:
    for one in Recommender.objects.filter(site=site).order_by("key"):
        yield Activity(
            "recommender", one.key, f"Recommender {one.name}", _purpose(one.purpose), _CONSENT,
            "Which items visitors looked at together; lists of items, without people",
            is_declared=bool(one.purpose),
        )  # fmt: skip


def _triggers(site: Site) -> Iterator[Activity]:
    for one in Trigger.objects.filter(site=site).select_related("recipient").order_by("key"):
        told = "Nobody outside"
        if one.webhook_address:
            told = one.recipient.name if one.recipient else _host(one.webhook_address)
        yield Activity(
            "trigger", one.key, f"Trigger {one.name}", _purpose(one.purpose), _CONSENT,
            "Who came into a segment or left it, and when", told, is_declared=bool(one.purpose),
        )  # fmt: skip


def _duties(site: Site) -> Iterator[Activity]:
    yield Activity(
        "consent", "consent", "Proof of consent", "To be able to prove it", "Legal obligation",
        "Choices and signals, the text that was shown, when, and a keyed pseudonym",
    )  # fmt: skip
    yield Activity(
        "requests", "requests", "Requests of people", "To answer them", "Legal obligation",
        "What was asked for, contact while it is open, what was done",
        people="People who ask about their data",
    )  # fmt: skip
    yield Activity(
        "audit", "audit", "Audit trail", "To be able to tell who did what", "Legal obligation",
        "Name of an account, what was done on which row", people="Staff",
    )  # fmt: skip


_DESCRIBED: Final[tuple[Callable[[Site], Iterator[Activity]], ...]] = (
    _sources, _segments, _lists, _content, _models, _recommenders, _triggers, _duties,
)  # fmt: skip

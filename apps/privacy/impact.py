"""A draft of the impact assessment (GDPR 35), made from the configuration and from what is stored.

It is a beginning: what the processing is and which risks the configuration itself shows. Whether a
risk is acceptable, people decide and write down.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from apps.access import keeping, small_cells
from apps.access.models import Site, Source
from apps.consent.models import Recipient
from apps.consent.regimes import is_opt_in
from apps.privacy.models import RetentionRun
from apps.privacy.processing import Record, record_of
from apps.profiles.models import Profile, TraitKind

Level = Literal["high", "medium", "low"]
LARGE: Final = 100_000  # profiles; the law gives no number
# Countries with a decision of adequacy are left to people: the list changes.
_EEA: Final = frozenset(
    [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Risk:
    """Something in the configuration that can harm people, and what would lower it."""

    level: Level
    title: str
    why: str
    measure: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the nine signs of a high risk (WP 248): two of them call for an assessment."""

    title: str
    is_met: bool
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The draft for one site."""

    record: Record
    people: str
    criteria: list[Criterion]
    risks: list[Risk]

    @property
    def met(self) -> int:
        """How many of the nine are met."""
        return sum(one.is_met for one in self.criteria)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "record": self.record.as_json(),
            "people": self.people,
            "criteria": [asdict(one) for one in self.criteria],
            "risks": [asdict(one) for one in self.risks],
        }


def draft_of(site: Site, *, now: datetime) -> Draft:
    """Return the draft for a site as it is configured now."""
    record = record_of(site, now=now)
    people = Profile.objects.filter(site=site, merged_into=None).count()
    kinds = {activity.kind for activity in record.activities}
    sensitive = list(
        TraitKind.objects.filter(site=site, kind="sensitive").values_list("key", flat=True)
    )
    return Draft(
        record=record,
        people=small_cells.words(people),
        criteria=_criteria(kinds, people, sensitive),
        risks=[*_risks_of_use(site, record, sensitive), *_risks_of_keeping(site, now)],
    )


def _criteria(kinds: set[str], people: int, sensitive: list[str]) -> list[Criterion]:
    return [
        Criterion(
            "Evaluation or scoring", bool(kinds & {"model", "segment"}),
            "Segments place visitors in groups, and models score them.",
        ),
        Criterion(
            "Automated decisions with legal or similar effect", False,
            "Content is chosen, nothing else. Decisions that matter so much are not offered.",
        ),
        Criterion(
            "Systematic monitoring", "source" in kinds, "What visitors do on the site is recorded.",
        ),
        Criterion(
            "Sensitive or very personal data", bool(sensitive),
            f"Sensitive traits: {', '.join(sensitive[:10]) or 'none is marked'}.",
        ),
        Criterion(
            "Large scale", people >= LARGE, f"{small_cells.words(people)} profiles are kept.",
        ),
        Criterion(
            "Data sets matched or combined", "list" in kinds,
            "Uploaded lists are matched with visitors." if "list" in kinds else "No uploaded list.",
        ),
        Criterion(
            "Vulnerable people, children among them", False,
            "Not known from the configuration: say so by hand if the site is for children.",
        ),
        Criterion(
            "New technology", bool(kinds & {"model", "recommender"}),
            "Models learn from what visitors do.",
        ),
        Criterion(
            "Keeps people from a right or a service", False,
            "Without personalization everybody gets the default content.",
        ),
    ]  # fmt: skip


def _risks_of_use(site: Site, record: Record, sensitive: list[str]) -> list[Risk]:
    risks = []
    if not (record.controller and record.contact):
        risks.append(Risk(
            "high", "Nobody is named as responsible",
            "The site does not say who the controller is or how to reach them.",
            "Fill in controller and contact on the page of the site.",
        ))  # fmt: skip
    undeclared = [one.title for one in record.activities if not one.is_declared]
    if undeclared:
        risks.append(Risk(
            "medium", "Some things do not say what they are for", ", ".join(undeclared[:10]),
            "Declare a purpose for each, or archive it. They cannot be activated as they are.",
        ))  # fmt: skip
    assumed = Source.objects.filter(site=site, consent_mode=Source.ConsentMode.ASSUMED)
    if is_opt_in(site.regime) and assumed.exists():
        names = ", ".join(assumed.order_by("name").values_list("name", flat=True)[:10])
        risks.append(Risk(
            "high", "Consent is assumed where the law asks for a yes", f"Sources: {names}.",
            "Make sure that whoever sends there has consent, or set the source to required.",
        ))  # fmt: skip
    for one in Recipient.objects.filter(site=site).exclude(country__in=_EEA).order_by("key"):
        risks.append(Risk(
            "medium", f"{one.name} is told about visitors outside the EEA",
            f"Country: {one.country or 'not said'}.",
            "Check what the transfer rests on: a decision of adequacy, or standard clauses.",
        ))  # fmt: skip
    nameless = [one.through for one in record.recipients if one.role == "not said"]
    if nameless:
        risks.append(Risk(
            "high", "Webhooks tell somebody who has no name here", ", ".join(nameless[:10]),
            "Say which recipient it is: erasures and corrections must be told to them.",
        ))  # fmt: skip
    if sensitive:
        risks.append(Risk(
            "high", "Sensitive data is kept", ", ".join(sensitive[:10]),
            "It is stored with explicit consent only and encrypted. Do without it if you can.",
        ))  # fmt: skip
    return risks


def _risks_of_keeping(site: Site, now: datetime) -> list[Risk]:
    risks = []
    longer = [
        f"{kind} {keeping.days_of(site, kind):,} days"
        for kind, days in keeping.DAYS.items()
        if keeping.days_of(site, kind) > days
    ]
    if longer:
        risks.append(Risk(
            "medium", "Some data is kept longer than the default", ", ".join(longer),
            "Write down why it is needed for so long, or keep it for less.",
        ))  # fmt: skip
    newest = RetentionRun.objects.order_by("-at").first()
    if newest is None or newest.at < now - timedelta(days=2):
        risks.append(Risk(
            "high", "Nothing has been deleted for two days",
            "The nightly run of retention has not been here.",
            "See that the scheduler and a worker run, or run it by hand: manage.py run_retention.",
        ))  # fmt: skip
    failed = RetentionRun.objects.filter(at__gte=now - timedelta(days=2), state="failed")
    if failed.exists():
        kinds = ", ".join(sorted(set(failed.values_list("kind", flat=True))))
        risks.append(Risk(
            "high", "Some data could not be deleted", kinds,
            "Read the log of the worker; the next run tries again.",
        ))  # fmt: skip
    return risks

"""A model's question in steps and words: no document is typed anywhere."""

from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection

from apps.predictions.domain.card import hours_in_words
from apps.predictions.domain.feature_names import PLAIN, feature_of
from apps.predictions.domain.hyperparameters import BEST, KNOBS, METHODS, settled
from apps.predictions.errors import InvalidHyperparameters, InvalidTarget, UnknownFeature
from apps.predictions.labels import labels_of
from apps.predictions.models import ModelSpec
from apps.predictions.shadow_gate import FORESEEING

HORIZONS: Final = (24, 72, 168, 336, 720, 2160)
MOST_NAMES: Final = 24  # of events offered as features
KNOB: Final = "knob_"
# As `mitigating` reads them from the question's settings.
MITIGATIONS: Final = (
    ("", "Only say so, and stop the version"),
    ("drop", "Leave out what gives the group away"),
    ("reweigh", "Weigh visitors so that groups count alike"),
)

_OF_FORESEEING: Final = frozenset(
    {
        "target_event", "category", "categories", "horizon_hours", "features", "more_features",
        "vouched", "method", "search", "trials", "gain", "cost", "threshold", "hysteresis",
        "audited_trait", "mitigation", "serves_online", "moments", "embargo_hours", "knows_by",
    }
)  # fmt: skip
_READ: Final[dict[str, set[str]]] = {
    ModelSpec.Kind.GROUPS: {"features", "more_features"},
    ModelSpec.Kind.LIFETIME: {"target_event"},
    ModelSpec.Kind.RFM: {"target_event"},
}

_NAMES = """
SELECT name FROM events_eventschema WHERE site_id = %s AND name <> '' ORDER BY name LIMIT 200
"""


def event_names(site_id: Any) -> list[str]:
    """Return the names of the events that a site has sent. One statement."""
    if not site_id:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [str(site_id)])
        return [name for (name,) in cursor.fetchall()]


def knobs() -> Iterator[tuple[str, str]]:
    """Yield every number that may be set by hand, once, with what it does in words."""
    seen: set[str] = set()
    for method in METHODS:
        for name, knob in KNOBS[method].items():
            if name not in seen:
                seen.add(name)
                of = [one for one in METHODS if name in KNOBS[one]]
                usual = ", ".join(f"{KNOBS[one][name].default:g} ({one})" for one in of)
                yield name, f"{knob.words}. Empty: {usual}."


def unread(kind: str) -> set[str]:
    """Return the fields of the form that a kind of question does not read."""
    if kind in FORESEEING:
        return {"category"} if kind == ModelSpec.Kind.CATEGORIES else {"categories"}
    return {*_OF_FORESEEING, *(KNOB + name for name, _ in knobs())} - _READ.get(kind, set())


class ModelSpecForm(forms.ModelForm[ModelSpec]):
    """A question; what cannot be trained is refused with the reason, beside the field."""

    category = forms.CharField(
        required=False,
        max_length=200,
        help_text="Only events of this category count. Empty: of any.",
    )
    categories = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 40}),
        help_text='For "Which category comes next?": the categories to tell apart, one a line.',
    )
    horizon_hours = forms.TypedChoiceField(label="Within", coerce=int, initial=168)
    features = forms.MultipleChoiceField(
        label="What it may look at",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nothing chosen: everything that the site sends often enough, and all of these.",
    )
    mitigation = forms.ChoiceField(
        label="Where groups are treated unlike",
        required=False,
        choices=MITIGATIONS,
        help_text="Beside the trait that is watched. The groups never become a feature.",
    )
    vouched = forms.CharField(
        label="Vouched for",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60}),
        help_text="Features that the gate against leaks has named, and of which you know that they "
        "are there before what is foreseen: one a line, by name.",
    )
    more_features = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60}),
        help_text='Others by name, one a line, such as "category:shoes" or "gram:Search>Purchase".',
    )

    class Meta:
        model = ModelSpec
        fields = [
            "site", "key", "name", "kind", "target_event", "horizon_hours", "active_days",
            "purpose", "method", "search", "trials", "gain", "cost", "threshold", "hysteresis",
            "retrain", "serves_online", "audited_trait", "is_enabled", "window_days", "moments",
            "embargo_hours", "knows_by", "seed",
        ]  # fmt: skip
        labels = {
            "kind": "What is asked",
            "target_event": "Event",
            "active_days": "Seen in the last (days)",
            "purpose": "What it is for",
            "method": "How it learns",
            "search": "Settings",
            "trials": "Tries",
            "gain": "Reaching the right one is worth",
            "cost": "Reaching anybody costs",
            "threshold": "Act from a probability of",
            "retrain": "Learn anew",
            "serves_online": "Work it out anew for every decision",
            "audited_trait": "Be fair to the groups of this trait",
            "is_enabled": "In use",
            "window_days": "Look back (days)",
            "moments": "Past moments",
            "embargo_hours": "Leave out between teaching and judging (hours)",
            "knows_by": "What counts as known",
        }

        help_texts = {
            "key": "Conditions read the score as the trait score.KEY; it stays what it is.",
            "target_event": "As the site sends it. Empty, where nothing at all is foreseen.",
            "gain": "In money, for example. Empty: not known.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer what the site sends; fill in what the question says now."""
        super().__init__(*args, **kwargs)
        spec = self.instance
        for name in set() if spec._state.adding else unread(spec.kind):
            self.fields.pop(name, None)
        if "site" in self.fields:  # sites are made elsewhere
            for may in ("add", "change", "delete", "view"):
                setattr(self.fields["site"].widget, f"can_{may}_related", False)
        chosen = {*HORIZONS, spec.horizon_hours, _posted(self.data.get("horizon_hours"))}
        if "horizon_hours" in self.fields:
            field: Any = self.fields["horizon_hours"]
            field.choices = [(n, hours_in_words(n)) for n in sorted(one for one in chosen if one)]
        site_id = self.data.get("site") or spec.site_id or self.initial.get("site")
        self.event_names = event_names(getattr(site_id, "pk", site_id))
        offered = _offered(self.event_names)
        if "features" in self.fields:
            features: Any = self.fields["features"]
            features.choices = list(offered.items())
        if "target_event" in self.fields:
            self.fields["target_event"].widget.attrs |= {"list": "event-names", "size": 40}
        for name, words in knobs() if "method" in self.fields else ():
            label = name.replace("_", " ").capitalize()
            self.fields[KNOB + name] = forms.FloatField(
                label=label, required=False, help_text=words
            )
            if name in (spec.hyperparameters or {}):
                self.initial[KNOB + name] = spec.hyperparameters[name]
        target = spec.target or {}
        self.initial.setdefault("category", target.get("category", ""))
        self.initial.setdefault("categories", "\n".join(target.get("categories", [])))
        settings = spec.settings or {}
        self.initial.setdefault("mitigation", settings.get("mitigation", ""))
        self.initial.setdefault("vouched", "\n".join(settings.get("vouched", [])))
        self.initial.setdefault("features", [n for n in spec.feature_names if n in offered])
        others = [name for name in spec.feature_names if name not in offered]
        self.initial.setdefault("more_features", "\n".join(others))

    def clean_more_features(self) -> list[str]:
        """Refuse a feature that nothing computes."""
        names = [line.strip() for line in self.cleaned_data["more_features"].splitlines()]
        names = [name for name in names if name]
        for name in names:
            try:
                feature_of(name)
            except UnknownFeature as refusal:
                raise ValidationError("%(refusal)s", params={"refusal": str(refusal)}) from refusal
        return names

    def clean(self) -> dict[str, Any]:
        """Put the answers together; refuse what cannot be asked or learned with."""
        found = super().clean() or {}
        spec = self.instance
        kind = str(found.get("kind") or spec.kind)
        if spec._state.adding:
            for name, usual in USUAL.get(kind, {}).items():
                if name not in self.changed_data:
                    found[name] = usual
        # What this form does not ask stays as it is, such as a test of a property.
        if "category" in self.fields or "categories" in self.fields:
            spec.target = self._target(kind, found)
        if "mitigation" in self.fields:
            spec.settings = self._settings(found)
        if "features" in self.fields:
            spec.feature_names = [*found.get("features", []), *found.get("more_features", [])]
        if "method" in self.fields:
            spec.hyperparameters = self._numbers(found)
        self._check_target(kind, found)
        return found

    def _target(self, kind: str, found: dict[str, Any]) -> dict[str, Any]:
        """Return what the event has to be of."""
        others = {k: v for k, v in (self.instance.target or {}).items() if k not in _ASKED}
        listed = [line.strip() for line in found.get("categories", "").splitlines()]
        categories = [line for line in listed if line]
        category = found.get("category", "").strip()
        if kind == ModelSpec.Kind.CATEGORIES:
            return others | ({"categories": categories} if categories else {})
        return others | ({"category": category} if category else {})

    def _settings(self, found: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in (self.instance.settings or {}).items() if k not in _SET}
        vouched = found.get("vouched", "").splitlines()
        set_now = {
            "mitigation": found.get("mitigation"),
            "vouched": [line.strip() for line in vouched if line.strip()],
        }
        return kept | {name: value for name, value in set_now.items() if value}

    def _numbers(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what was set by hand, checked."""
        method = found.get("method") or self.instance.method
        document: dict[str, Any] = {}
        for name, _ in knobs():
            value = found.get(KNOB + name)
            # One that the method does not know is forgotten: nobody would see it work.
            if value is not None and (method == BEST or name in KNOBS.get(method, {})):
                document[name] = int(value) if value == int(value) else value
        try:
            settled(method, document)
        except InvalidHyperparameters as refusal:
            name = next((n for n in document if f"'{n}'" in str(refusal)), "")
            self.add_error(KNOB + name if name else None, ValidationError(str(refusal)))
        return document

    def _check_target(self, kind: str, found: dict[str, Any]) -> None:
        """Refuse a question that says nothing that could be foreseen."""
        asks_event = kind in (ModelSpec.Kind.PROPENSITY, ModelSpec.Kind.CATEGORIES)
        if kind == ModelSpec.Kind.PROPENSITY and not found.get("target_event"):
            self.add_error("target_event", "Which event is to be foreseen?")
            return
        if asks_event or kind == ModelSpec.Kind.ABSENCE:
            asked = ModelSpec(
                kind=kind,
                target_event=found.get("target_event", ""),
                target=self.instance.target,
                horizon_hours=found.get("horizon_hours") or 1,
                purpose=found.get("purpose", ""),
            )
            try:
                labels_of(asked)
            except InvalidTarget as refusal:
                is_several = kind == ModelSpec.Kind.CATEGORIES
                self.add_error("categories" if is_several else "category", str(refusal))


# What does well for a kind, where nobody has said otherwise: values take years to be seen.
USUAL: Final[dict[str, dict[str, Any]]] = {
    ModelSpec.Kind.LIFETIME: {"window_days": 730, "active_days": 730},
    ModelSpec.Kind.RFM: {"window_days": 730, "active_days": 730},
    ModelSpec.Kind.GROUPS: {"active_days": 60, "retrain": ModelSpec.Retrain.WEEKLY},
}
_ASKED: Final = frozenset({"category", "categories"})
_SET: Final = frozenset({"mitigation", "vouched"})


def _offered(names: list[str]) -> dict[str, str]:
    """Return the features that can be ticked, by name, in words."""
    found = dict(PLAIN)
    for name in names[:MOST_NAMES]:
        for feature in (f"count:{name}", f"since_h:{name}"):
            found[feature] = feature_of(feature).words
    return {name: words[:1].upper() + words[1:] for name, words in found.items()}


def _posted(value: Any) -> int:
    """A horizon that none of the usual is, as it was sent; 0 for none."""
    return int(value) if str(value or "").isdecimal() and 0 < int(value) <= 24 * 366 else 0

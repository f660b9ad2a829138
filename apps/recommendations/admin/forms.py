"""The form of a recommender: weights as a small table, filters as check boxes, no JSON."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.recommendations import choosing
from apps.recommendations.models import Recommender

EMPTY_ROWS: Final = 2
NO_MORE: Final = SafeString("")
LENGTH: Final = SafeString(' maxlength="200"')
DECIMAL: Final = SafeString(' inputmode="decimal" size="6"')
MOST_ROWS: Final = 12
HEAVIEST: Final = 100.0
RULES: Final = (("never", "Never for"), ("only", "Only for"))
BY: Final = (("categories", "the categories"), ("items", "the items"))

# Left empty, they are what they are by themselves.
_WITH_DEFAULT: Final = ("half_life_days", "diversity", "exploration")
_AS_IT_IS: Final = Recommender()


def _cell(
    kind: str, name: str, value: object, label: str, extra: SafeString = NO_MORE
) -> SafeString:
    """An input in a cell; `extra`: more of its attributes, already markup."""
    return format_html(
        '<td data-label="{}"><input type="{}" name="{}" value="{}" aria-label="{}"{}></td>',
        label, kind, name, "" if value is None else value, label, extra,
    )  # fmt: skip


def _choice(name: str, value: object, label: str, choices: Any) -> SafeString:
    options = format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((key, SafeString(" selected") if key == value else "", words) for key, words in choices),
    )
    return format_html(
        '<td data-label="{}"><select name="{}" aria-label="{}">{}</select></td>',
        label, name, label, options,
    )  # fmt: skip


def _table(name: str, heads: tuple[str, ...], rows: Any) -> SafeString:
    return format_html(
        '<table class="plain form-rows" id="id_{}"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table>",
        name,
        format_html_join("", '<th scope="col">{}</th>', ((head,) for head in heads)),
        format_html_join("", "<tr>{}</tr>", ((row,) for row in rows)),
    )


class _Rows(forms.Widget):
    """Rows of inputs, with a few empty ones below: it works without a script."""

    parts: tuple[str, ...] = ()

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        """The rows with anything in their first text."""
        rows = []
        for number in range(MOST_ROWS):
            row = {
                part: str(data.get(f"{name}-{number}-{part}", "")).strip() for part in self.parts
            }
            if row[self.parts[0]]:
                rows.append(row)
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """A form without any row leaves out none: it says that there are none."""
        return False

    def id_for_label(self, id_: str) -> str:
        """A table has no input of its own."""
        return ""


class _WeightsWidget(_Rows):
    parts = ("event", "weight")

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Event and weight, row by row."""
        known = list(value or [])
        rows = known + [{"event": "", "weight": ""}] * min(EMPTY_ROWS, MOST_ROWS - len(known))
        return _table(
            name,
            ("Event", "Counts"),
            (
                _cell("text", f"{name}-{number}-event", row["event"], "Event", LENGTH)
                + _cell("text", f"{name}-{number}-weight", row["weight"], "Counts", DECIMAL)
                for number, row in enumerate(rows)
            ),
        )


class WeightsField(forms.Field):
    """Event names with how much each counts, as {event: weight}."""

    widget = _WeightsWidget

    def prepare_value(self, value: Any) -> list[dict[str, Any]]:
        """A document as rows; rows that were sent stay what they are."""
        if isinstance(value, Mapping):
            return [{"event": event, "weight": f"{own:g}"} for event, own in value.items()]
        return list(value or [])

    def clean(self, value: Any) -> dict[str, float]:
        """Return the document."""
        found: dict[str, float] = {}
        for row in value or []:
            try:
                weight = float(row["weight"].replace(",", ".") or "1")
            except ValueError:
                weight = -1.0
            if not 0 <= weight <= HEAVIEST:
                raise forms.ValidationError(
                    f"{row['event']}: say how much it counts, a number from 0 to {HEAVIEST:g}."
                )
            found[row["event"]] = weight
        return found


class _RulesWidget(_Rows):
    parts = ("segment", "what", "by", "values")

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Never or only, for which segment, which categories or items."""
        known = list(value or [])
        empty = {"segment": "", "what": "never", "by": "categories", "values": ""}
        rows = known + [empty] * min(EMPTY_ROWS, MOST_ROWS - len(known))
        return _table(
            name,
            ("Rule", "Segment (its key)", "What", "Which, with commas between"),
            (
                _choice(f"{name}-{number}-what", row["what"], "Rule", RULES)
                + _cell("text", f"{name}-{number}-segment", row["segment"], "Segment (its key)")
                + _choice(f"{name}-{number}-by", row["by"], "What", BY)
                + _cell("text", f"{name}-{number}-values", row["values"], "Which")
                for number, row in enumerate(rows)
            ),
        )


class RulesField(forms.Field):
    """Items that a segment's members alone may see, or never."""

    widget = _RulesWidget

    def clean(self, value: Any) -> dict[str, list[dict[str, Any]]]:
        """Return {"only": [...], "never": [...]}, without what is empty."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in value or []:
            values = [one.strip() for one in row["values"].split(",") if one.strip()]
            if not values:
                raise forms.ValidationError(
                    f"{row['segment']}: say which categories or items the rule is about."
                )
            what = row["what"] if row["what"] in dict(RULES) else "never"
            by = row["by"] if row["by"] in dict(BY) else "categories"
            found.setdefault(what, []).append({"segment": row["segment"], by: values})
        return found


def rule_rows(filters: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rules of a document as rows of the form."""
    return [
        {"segment": one["segment"], "what": what, "by": by, "values": ", ".join(one[by])}
        for what, _ in RULES
        for one in filters.get(what, [])
        for by, _ in BY
        if one.get(by)
    ]


class RecommenderForm(forms.ModelForm[Recommender]):
    """A recommender in words."""

    weights = WeightsField(
        required=False,
        label="Other events that tell of a liking",
        help_text="A view counts 1. A purchase may count 5: name the event and say so.",
    )
    leaves_current_out = forms.BooleanField(
        required=False, initial=True, label="Leave out what is looked at now"
    )
    leaves_seen_out = forms.BooleanField(
        required=False,
        label="Leave out what was looked at lately",
        help_text="The last five items.",
    )
    bought_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=choosing.MAX_DAYS,
        label="Days without what was bought",
        help_text="Empty: what was bought may come again.",
    )
    rules = RulesField(
        required=False,
        label="For segments",
        help_text="What members of a segment never see, or what they alone see.",
    )

    class Meta:
        model = Recommender
        fields = [
            "site", "key", "name", "kind", "event_name", "window_days", "half_life_days",
            "bought_event", "diversity", "exploration", "per_person", "is_enabled", "purpose",
            "weights",
        ]  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "kind": "Method",
            "event_name": "Event that shows interest",
            "window_days": "Days it looks back",
            "half_life_days": "Half-life, days",
            "bought_event": "Event of a purchase",
            "exploration": "Share of lists with a place for chance",
            "per_person": "Keep a list for everybody, for e-mail",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "event_name": "Its order is the walk through the shop.",
            "window_days": "",
            "bought_event": "Its product, or its list of products.",
            "exploration": "One place then shows something less known, and what comes of it is "
            "learned. 0: none; 0.5 at most.",
            "per_person": "Written anew with each training, of everybody who allows it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _WITH_DEFAULT:
            if name in self.fields:
                self.fields[name].required = False
        filters = self.instance.filters or {}
        self.initial.update(
            leaves_current_out=filters.get("current", True),
            leaves_seen_out=filters.get("seen", False),
            bought_days=filters.get("bought") or None,
            rules=rule_rows(filters),
        )
        self.initial.setdefault("weights", self.instance.weights or {})

    def clean(self) -> dict[str, Any]:
        """Put the filters together, as serving reads them."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        for name in _WITH_DEFAULT:
            if name in found and found[name] is None:
                found[name] = getattr(_AS_IT_IS, name)
        document: dict[str, Any] = {
            "current": bool(found.get("leaves_current_out")),
            "seen": bool(found.get("leaves_seen_out")),
            "bought": found.get("bought_days") or False,
            **(found.get("rules") or {}),
        }
        try:
            choosing.parsed(document)
        except ValueError as problem:
            raise forms.ValidationError(str(problem)) from problem
        self.instance.filters = document
        return found

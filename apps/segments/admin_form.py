"""The form of a segment: its own fields, and the draft as JSON for where no script draws it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from apps.segments.errors import InvalidTag
from apps.segments.models import Segment
from apps.segments.publication_checks import clean_tags
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy
from engine.errors import InvalidCondition

POLICY_EXAMPLE = '{"minStay": "10m", "cooldown": "1h", "once": true, "parent": "members"}'

EXAMPLE = """{"v": 1, "where": {"kind": "event", "name": "Product Viewed", "aggregate": "count",
 "window": {"last": "10m"}, "op": "gte", "value": 3}}"""


class SegmentForm(forms.ModelForm[Segment]):
    """A segment's own fields; the draft is JSON, refused with the place and the problem."""

    draft = forms.JSONField(
        label="Condition",
        widget=forms.Textarea(attrs={"rows": 18, "cols": 90, "spellcheck": "false"}),
        help_text=f"JSON. For example: {EXAMPLE}",
    )

    draft_policy = forms.JSONField(
        label="How members come and go",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 90, "spellcheck": "false"}),
        help_text=f"JSON, may be empty. For example: {POLICY_EXAMPLE}",
    )
    tags = forms.CharField(
        required=False,
        help_text="With commas. Sites ask for a segment by its tags; segment:<key> is always one.",
    )

    fallback_for = forms.CharField(
        label="Stands in for",
        required=False,
        help_text="Key or name of another segment. It stands in where that segment's model has no"
        " score to go by.",
    )

    class Meta:
        model = Segment
        fields = [
            "site", "key", "name", "description", "draft", "draft_policy", "tags",
            "refresh_every_s", "fallback_for", "purpose", "owner_note",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        segment = self.instance
        if "tags" in self.fields:
            self.initial["tags"] = ", ".join(segment.tags)
        if "fallback_for" in self.fields:
            other = segment.fallback_for
            self.initial["fallback_for"] = "" if other is None else other.key

    def clean_draft(self) -> Any:
        """Refuse what is no condition."""
        draft = self.cleaned_data["draft"]
        try:
            parse_condition(draft)
        except InvalidCondition as error:
            raise ValidationError("%(refusal)s", params={"refusal": str(error)}) from error
        return draft

    def clean_draft_policy(self) -> Any:
        """Refuse what is no policy."""
        policy = self.cleaned_data["draft_policy"] or {}
        try:
            parse_policy(policy)
        except InvalidCondition as error:
            raise ValidationError("%(refusal)s", params={"refusal": str(error)}) from error
        return policy

    def clean_fallback_for(self) -> Segment | None:
        """The segment of that key, or of that name where only one has it."""
        text = self.cleaned_data["fallback_for"].strip()
        if not text:
            return None
        site = self.cleaned_data.get("site", self.instance.site_id)
        others = Segment.objects.filter(site=site, is_hidden=False, is_archived=False)
        others = others.exclude(pk=self.instance.pk)
        found = list(others.filter(key=text)[:1]) or list(others.filter(name__iexact=text)[:2])
        if len(found) != 1:
            said = "There is no other segment with this key, or several have this name."
            raise ValidationError(said)
        return found[0]

    def clean_tags(self) -> list[str]:
        """Turn the text into tags, refusing what is none."""
        given = [tag.strip() for tag in self.cleaned_data["tags"].split(",")]
        key = self.data.get("key", "") if self.instance._state.adding else self.instance.key
        try:
            return clean_tags([tag for tag in given if tag], key)
        except InvalidTag as error:
            raise ValidationError("%(refusal)s", params={"refusal": str(error)}) from error

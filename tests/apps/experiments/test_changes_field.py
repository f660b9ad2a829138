"""What an arm changes, written by an editor one thing a line."""

import pytest
from django.core.exceptions import ValidationError

from apps.experiments.admin.changes_field import ChangesField
from apps.experiments.changes import changes_of
from engine.snapshot import ChangesDoc, ThresholdDoc

WRITTEN = """rule sale -> better-sale
rule old -> none
rule new on
segment vip -> vip-strict
model buy -> buy-2
recommender home -> home-2
number cart in big-cart: 50 -> 79.5
depth rules"""


def test_every_kind_of_change_is_read_and_shown_again() -> None:
    field = ChangesField()
    document = field.clean(WRITTEN)
    assert changes_of(document) == ChangesDoc(
        rules={"sale": "better-sale", "old": None, "new": "new"},
        segments={"vip": "vip-strict"},
        models={"buy": "buy-2"},
        recommenders={"home": "home-2"},
        thresholds=[ThresholdDoc("big-cart", "cart", 50, 79.5)],
        depth="rules",
    )
    assert field.prepare_value(document) == WRITTEN
    assert not field.has_changed(document, WRITTEN)


def test_nothing_is_no_change() -> None:
    assert ChangesField().clean("") == {}
    assert changes_of({}) is None
    assert not ChangesField().has_changed({}, "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("colour red", "is no change"),
        ("rule a -> b; rule a -> none", "changed twice"),
        ("number cart in r: fifty -> 80", "is no number"),
        ("number cart in r: 50 -> nan", "is no number"),
        ("number cart in r: 50 -> 1e400", "is no number"),
        ("depth deeper", "is no change"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_line(line: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ChangesField().clean(line)

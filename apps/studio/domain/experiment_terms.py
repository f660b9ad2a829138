"""What each number of an experiment's results means, for whoever is no statistician."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Term:
    """A number's name, and what it says in one or two sentences."""

    key: str
    name: str
    words: str


def _terms(*rows: tuple[str, str, str]) -> Mapping[str, Term]:
    return {key: Term(key, name, words) for key, name, words in rows}


TERMS: Final = _terms(
    (
        "participants",
        "Participants",
        "People who were shown this arm, each counted once, from the first time it was really on "
        "their screen. Who was shown several arms, and robots, are left out.",
    ),
    (
        "share",
        "Share",
        "How much of the participants this arm is to get. Whether it did is one of the checks "
        "under Health.",
    ),
    (
        "value",
        "Value",
        "What the participants of this arm did: the share who did it, or an average for each "
        "participant, or one sum divided by another. It counts within the time that the metric "
        "gives each of them.",
    ),
    (
        "difference",
        "Difference",
        "The arm's value minus the control's. Of shares it is in percentage points: from 10% to "
        "12% are 2 points. Where it is known what people did before, that has been taken out "
        "(CUPED), so it can differ a little from subtracting the two values.",
    ),
    (
        "relative",
        "Change",
        "The difference in parts of the control's value: from 10% to 12% is +20%. There is none "
        "where the control is at zero.",
    ),
    (
        "interval",
        "Interval",
        "Where the true difference lies, as far as the data can tell. While zero is in it, "
        "there may be no difference at all. It is valid at this look, however often anybody has "
        "looked before; that makes it wider than an ordinary 95% interval.",
    ),
    (
        "p",
        "p, adjusted",
        "If the arms did not differ, how seldom would chance alone show a difference like this? "
        "It already counts that somebody looks again and again, and that several arms and goals "
        "are compared (Holm where it decides, Benjamini-Hochberg where it is for learning). At or "
        "below the agreed level (mostly 0.05) the difference is taken for real. 1.00 says: "
        "nothing to see so far.",
    ),
    (
        "chance",
        "Chance to be better",
        "For those who want it: how likely this arm is better than the control, if every rate was "
        "equally likely before anybody was shown anything (a flat prior). It does not know how "
        "often somebody has looked, so it decides nothing here: among arms that are alike it "
        "passes 95% far too often.",
    ),
    (
        "reduction",
        "Less noise",
        "How much of the chance variation what people did before has taken out (CUPED). 30% is "
        "worth as much as 43% more participants.",
    ),
    (
        "post_stratified",
        "By group, then together",
        "The difference worked out within groups and then weighed by their size, so that an arm "
        "does not look better because other people happened to come into it.",
    ),
    (
        "margin",
        "Margin",
        "How much worse a guardrail may get, agreed before the start. The guardrail holds once "
        "the data say that it has lost less than this; it does harm once they say that it has "
        "lost more. In between nobody knows yet.",
    ),
    (
        "small",
        "Too small",
        "So few people, or so few who did it, that any number would be chance. Below ten people "
        "in an arm nothing is told at all.",
    ),
    (
        "heterogeneity",
        "Does the effect differ between segments?",
        "Cochran's Q compares the segments' differences with what chance alone would scatter "
        "them. A small p says that they really differ; I² says how much of the scatter is more "
        "than chance. Without that, the best segment is mostly the luckiest one. Segments that "
        "share people make this a hint, no proof.",
    ),
    (
        "planned",
        "Planned participants",
        "How many each arm needs so that the least change worth finding is found with the agreed "
        "power. Worked out before the start; more do not hurt, fewer find only larger changes.",
    ),
    (
        "any_time",
        "Looking at any time",
        "The intervals are a confidence sequence: all of them together, on all days, hold the "
        "true difference with the agreed confidence. Look whenever you like.",
    ),
    (
        "looks",
        "Planned looks",
        "The numbers are told at a few looks fixed before the start (a group sequential design); "
        "each look has a bound of its own. In between nothing is told.",
    ),
    (
        "main",
        "Main effect",
        "What a factor does on average over all settings of the others.",
    ),
    (
        "interaction",
        "Interaction",
        "Whether one factor does something else together with another one than alone. Where the "
        "interval holds nothing but chance, the main effects may be read one by one.",
    ),
    (
        "best",
        "Chance to be the best",
        "How likely this arm is the best of all, from what is known now, if all were alike "
        "before. A bandit gives more visitors to arms that are likelier to be the best, and never "
        "fewer than the floor.",
    ),
    (
        "gain",
        "Gained over even shares",
        "What moving the shares has brought, compared with giving every arm the same share all "
        "the time.",
    ),
)

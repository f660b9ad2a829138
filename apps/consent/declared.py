"""What things declare to be for: a segment, rule, model, recommender, trigger, list or recipient.

The names are those of the finer purposes; one that is not declared is "": such a thing may be
drafted, and not be activated.
"""

from collections.abc import Sequence

from apps.consent.types import Purpose

TARGETING = "targeting"
RECOMMENDATION = "recommendation"
MODEL_TRAINING = "model_training"
TRIGGERS = "triggers"
MEASUREMENT = "measurement"
AUDIENCES = "audiences"
SALE = "sale"

# The order is the one of forms.
CHOICES = (
    (TARGETING, "Targeting: which content a visitor is shown"),
    (RECOMMENDATION, "Recommendation: which items a visitor is shown"),
    (MODEL_TRAINING, "Models: what visitors will do is learned and foreseen"),
    (TRIGGERS, "Triggers: something happens when a visitor comes or goes"),
    (MEASUREMENT, "Measurement: how well something works"),
    (AUDIENCES, "Audiences: visitors are told to others, for advertising"),
    (SALE, "Sale: visitors are told to others, for their own ends"),
)
NAMES = tuple(name for name, _ in CHOICES)
BASES = (
    ("consent", "Consent"),
    ("contract", "Contract"),
    ("legitimate_interest", "Legitimate interest"),
    ("legal_obligation", "Legal obligation"),
)
UNDECLARED = (
    "It does not say what it is for, so it may not be activated: choose a purpose and save."
)


_PURPOSES = {
    TARGETING: Purpose.TARGETING,
    RECOMMENDATION: Purpose.RECOMMENDATION,
    MODEL_TRAINING: Purpose.MODEL_TRAINING,
    TRIGGERS: Purpose.TRIGGERS,
    MEASUREMENT: Purpose.ANALYTICS,
    AUDIENCES: Purpose.AUDIENCES,
    SALE: Purpose.SALE,
}


def purpose_of(name: str) -> Purpose:
    """Return the purpose that a declaration means.

    Raises:
        KeyError: nothing is declared.
    """
    return _PURPOSES[name]


def choices(*names: str) -> Sequence[tuple[str, str]]:
    """Return the choices of a form for the given names, in the order of forms."""
    return [choice for choice in CHOICES if choice[0] in names]


def problem_of(purpose: str) -> str | None:
    """Return why something that declares this may not be activated, in a sentence, or None."""
    return None if purpose in NAMES else UNDECLARED

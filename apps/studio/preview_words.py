"""Previews in an editor's words: what each step of a decision did, and whom a picture shows."""

from typing import Final

from engine.decide import Step
from engine.snapshot import CompiledSnapshot

_SENTENCES: Final = {
    ("placement", "disabled"): "This placement is switched off: everybody sees the default.",
    ("placement", "not found"): "Nothing is published under this name.",
    ("consent", "refused"): "Personalization is not allowed: the default is shown.",
    ("holdout", "held out"): "Kept from all personalization, to compare: the default is shown.",
    ("rule", "matched"): "The rule “{name}” holds.",
    ("rule", "no match"): "The rule “{name}” does not hold.",
    ("rule", "unknown"): "Whether the rule “{name}” holds is not known, so it does not.",
    ("rule", "not started"): "The rule “{name}” has not begun yet.",
    ("rule", "ended"): "The rule “{name}” is over.",
    ("rule", "error"): "The rule “{name}” could not be asked.",
    ("segment", "not in"): "Not in the segment “{name}”.",
    ("segment", "error"): "The segment “{name}” could not be asked.",
    ("experiment", "not meant"): "The experiment “{name}” is not for them.",
    ("experiment", "no consent"): "They do not allow experiments: “{name}” leaves them out.",
    ("experiment", "not in its share"): "The experiment “{name}” leaves them out.",
    ("experiment", "error"): "The experiment “{name}” could not be asked.",
    ("cap", "used up"): "Shown often enough: the cap “{name}” is used up.",
    ("default", "served"): "Nothing more specific fits: the default is shown.",
}


def sentence_of(step: Step, compiled: CompiledSnapshot) -> str:
    """Return what a step of a decision did."""
    name = step.key
    if step.step == "segment" and step.key in compiled.segments:
        name = compiled.segments[step.key].doc.name or step.key
    if step.step == "segment" and step.outcome.startswith("in, serves "):
        variant = step.outcome.removeprefix("in, serves ").strip("'")
        return f"In the segment “{name}”, which shows “{variant}”."
    if step.step == "experiment" and step.outcome.startswith("arm "):
        arm = step.outcome.removeprefix("arm ").strip("'")
        return f"The experiment “{name}” gives them the arm “{arm}”."
    words = _SENTENCES.get((step.step, step.outcome))
    return f"{step.step} {name}: {step.outcome}." if words is None else words.format(name=name)


def kind_of(step: Step) -> str:
    """Return "yes" for a step that leads to what is shown, "no" for one that does not."""
    if step.outcome in ("matched", "served") or step.outcome.startswith(("in, serves", "arm ")):
        return "yes"
    return "unknown" if step.outcome in ("unknown", "error") else "no"

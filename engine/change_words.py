"""What an arm changes in how its placement decides, in an editor's words."""

from __future__ import annotations

from engine.experiment_docs import ChangesDoc


def change_words(changes: ChangesDoc | None) -> list[str]:
    """Return what an arm changes in how its placement decides, one thing each."""
    if changes is None or changes == ChangesDoc():
        return ["as it does for everybody"]
    found = []
    for key, other in changes.rules.items():
        if other is None:
            found.append(f"without the rule {key}")
        elif other == key:
            found.append(f"with the rule {key} switched on")
        else:
            found.append(f"the rule {other} in the place of {key}")
    for what, swaps in (
        ("segment", changes.segments),
        ("model", changes.models),
        ("recommender", changes.recommenders),
    ):
        found += [f"the {what} {other} in the place of {key}" for key, other in swaps.items()]
    found += [
        f"{one.fact} {one.after:g} instead of {one.before:g} in the rule {one.rule}"
        for one in changes.thresholds
    ]
    if changes.depth in _DEPTHS:
        found.append(_DEPTHS[changes.depth])
    return found


_DEPTHS = {
    "none": "nothing personalized",
    "segments": "variants for segments alone, no rules",
    "rules": "no rules that ask a model",
}

"""How events name an experiment and an arm: ours by their keys, other tools as they do.

Segment's "Experiment Viewed" says experiment_id, experiment_name, variation_id and variation_name;
GrowthBook says experimentId and variationId, which is a place (0, 1, ...) where an arm has no key.
So what is not one of our keys is looked for as a name, and then as a place.
"""

from typing import Final

VIEWED: Final = "Experiment Viewed"  # by that name other tools tell of their own splits


def _said(*names: str) -> str:
    return f"coalesce({', '.join(f'e.properties->>{chr(39)}{name}{chr(39)}' for name in names)})"


# Columns of an event `e`: what it says of the experiment and of the arm, by key and by name.
SAID: Final = f"""
  {_said("experiment", "experiment_id", "experimentId", "experiment_name", "experimentName")}
    AS experiment,
  {_said("experiment_name", "experimentName")} AS experiment_name,
  {_said("arm", "variation_id", "variationId", "variation", "variation_name", "variationName")}
    AS shown,
  {_said("variation_name", "variationName")} AS shown_name
"""
# Whether an experiment `x` is meant by a row `s` with these columns and `is_ours`; which is first.
IS_MEANT: Final = """
  (x.key = s.experiment OR NOT s.is_ours AND (x.key = s.experiment_name
    OR lower(x.name) IN (lower(s.experiment), lower(s.experiment_name))))
"""
MEANT_FIRST: Final = "x.key = s.experiment DESC, x.created_at DESC"
# The same of an arm `one(a, place)` of a phase, places from 1 on.
IS_ARM: Final = """
  (one.a->>'key' = s.shown OR NOT s.is_ours AND (one.a->>'key' = s.shown_name
    OR lower(one.a->>'name') IN (lower(s.shown), lower(s.shown_name))
    OR (one.place - 1)::text = s.shown))
"""
ARM_FIRST: Final = """
  one.a->>'key' = s.shown DESC,
  coalesce(lower(one.a->>'name') IN (lower(s.shown), lower(s.shown_name)), false) DESC, one.place
"""
# Whether that arm `a` of a phase `h` of `x` was stopped at the time of `s`: it showed the control.
WAS_STOPPED: Final = """
  coalesce((SELECT c.action = 'arm_stopped' FROM experiments_change c
    WHERE c.experiment_id = x.id AND c.phase = h.number AND c.at <= s.occurred_at
      AND c.action IN ('arm_stopped', 'arm_resumed') AND c.detail->>'arm' = a->>'key'
    ORDER BY c.at DESC, c.id DESC LIMIT 1), false)
"""

"""An experiment with a past: its participants and sums by day, looked at every day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from apps.access import services as access
from apps.content import services as content
from apps.experiments.analysing import analyse
from apps.experiments.models import Change, DaySum, Experiment, Goal, Metric, Participant, Phase
from apps.profiles.models import Profile
from apps.work.ids import uuid7

NOW = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)
Rates = Sequence[float]  # of each arm: a share, or a mean


class Story:
    """One experiment of a site of its own, begun `days` ago."""

    def __init__(
        self,
        names: Sequence[str] = ("As it was", "Short headline"),
        *,
        site: Any = None,
        key: str = "headline",
        name: str = "Shorter headline",
        days: int = 14,
        **more: Any,
    ) -> None:
        self.site = site or access.create_site(
            key="shop", name="Shop", regime="us_opt_out", now=NOW
        )
        self.draw = np.random.default_rng(8)
        self.days = days
        self.begin = NOW - timedelta(days=days)
        block = content.create_block(site_id=self.site.pk, key=f"{key}-hero")
        variants = [
            content.create_variant(
                block=block, key=f"v{n}", is_default=n == 0, template=f"<p>{n}</p>"
            )
            for n in range(len(names))
        ]
        placement = content.create_placement(
            site_id=self.site.pk, key=f"home.{key}", name="Home, top", block=block
        )
        self.experiment = Experiment.objects.create(
            site=self.site, key=key, name=name, placement=placement, created_at=self.begin,
            state="running", phase=1, hypothesis=more.pop("hypothesis", ""), **more,
        )  # fmt: skip
        self.arms = [
            {
                "number": n, "key": f"arm{n}", "name": arm, "variant": str(variants[n].pk),
                "variant_key": f"v{n}", "weight": 1 / len(names), "is_control": n == 0,
                "levels": {},
            }
            for n, arm in enumerate(names)
        ]  # fmt: skip
        self.phase = Phase.objects.create(
            experiment=self.experiment, number=1, seed=f"{self.experiment.pk.hex}.1",
            arms=self.arms, coverage=1.0, segments=more.get("segments", []),
            started_at=self.begin,
        )  # fmt: skip
        Change.objects.create(
            experiment=self.experiment, phase=1, at=self.begin, action="started",
            detail={"arms": len(names)},
        )  # fmt: skip

    def metric(
        self,
        key: str,
        name: str,
        kind: str = "conversion",
        role: str = "goal",
        margin: float | None = None,
        late: bool = False,
        **more: Any,
    ) -> Metric:
        """Add a metric that it is judged by."""
        metric, _ = Metric.objects.get_or_create(
            site=self.site,
            key=key,
            defaults={"name": name, "kind": kind, "event": "Order Completed", **more},
        )
        Goal.objects.create(
            experiment=self.experiment, metric=metric, role=role, margin=margin,
            added_at=self.begin + timedelta(hours=1 if late else -1),
        )  # fmt: skip
        return metric

    def joined(self, *people: int, **facts: Any) -> None:
        """Let so many take part in each arm, spread over the days."""
        for arm, count in enumerate(people):
            profiles = Profile.objects.bulk_create(
                Profile(
                    pk=uuid7(), site=self.site, bucketing_key=str(uuid7()), created_at=self.begin
                )
                for _ in range(count)
            )
            Participant.objects.bulk_create(
                Participant(
                    phase=self.phase, profile=one, arm=arm,
                    first_at=self.begin + timedelta(days=n % max(1, self.days)),
                    day=(self.begin + timedelta(days=n % max(1, self.days))).date(), facts=facts,
                )
                for n, one in enumerate(profiles)
            )  # fmt: skip

    def did(
        self, metric: Metric, people: Sequence[int], rates: Rates, segment: str = "", **fields: Any
    ) -> None:
        """Sums of each arm, as many people each day, who did it so often by chance."""
        rows = []
        for arm, (count, rate) in enumerate(zip(people, rates, strict=True)):
            for day in range(self.days):
                n = count // self.days + (day < count % self.days)
                if metric.kind in ("conversion", "retention"):
                    y = yy = float(self.draw.binomial(n, rate)) if n else 0.0
                else:
                    values = self.draw.gamma(2, rate / 2, n)
                    y, yy = float(values.sum()), float((values**2).sum())
                rows.append(
                    DaySum(
                        phase=self.phase, metric=metric, arm=arm, segment=segment,
                        day=(self.begin + timedelta(days=day)).date(), n=n, counted_at=NOW,
                        **{"y": y, "yy": yy, "d": 2.0 * n, "dd": 5.0 * n, "yd": 2 * y, **fields},
                    )
                )  # fmt: skip
        DaySum.objects.bulk_create(rows)

    def analysed(self, at: datetime = NOW) -> Mapping[str, Any]:
        """Work it out as of now."""
        return analyse(Phase.objects.select_related("experiment").get(pk=self.phase.pk), now=at)

    def looked_at_daily(self) -> Mapping[str, Any]:
        """Work it out at the end of each day with what was known then."""
        rows = list(DaySum.objects.filter(phase=self.phase))
        for day in range(1, self.days):
            known = (self.begin + timedelta(days=day)).date()
            DaySum.objects.filter(phase=self.phase).delete()
            DaySum.objects.bulk_create(_fresh(one) for one in rows if one.day < known)
            self.analysed(self.begin + timedelta(days=day))
        DaySum.objects.filter(phase=self.phase).delete()
        DaySum.objects.bulk_create(_fresh(one) for one in rows)
        return self.analysed()


def _fresh(row: DaySum) -> DaySum:
    row.pk = None
    row._state.adding = True
    return row


def full_story(**more: Any) -> Story:
    """One of everything: two arms beside the control, guardrail, watched, segments, a log."""
    story = Story(
        ("As it was", "Short headline", "Headline with the price"),
        hypothesis="A headline of five words is read by more people on phones, so that more of "
        "them look at a product and buy it.",
        days=21, per_arm=3_000, segments=["loyal", "new-visitors", "from-mail"], **more,
    )  # fmt: skip
    people = (2_400, 2_430, 2_390)
    orders = story.metric("orders", "Orders")
    value = story.metric("value", "Order value", "mean", of="value")
    stays = story.metric("stays", "Comes back", "retention", "guardrail", 0.05, after_hours=24)
    story.metric("cart", "Filled a cart", role="watched")
    views = story.metric("views", "Value for each view", "ratio", "watched", per_event="Viewed")
    late = story.metric("late", "Wrote a review", role="watched", late=True)
    story.joined(*people)
    story.did(orders, people, (0.10, 0.15, 0.104))
    story.did(value, people, (41.0, 41.4, 40.2))
    story.did(stays, people, (0.70, 0.76, 0.68))
    story.did(Metric.objects.get(key="cart", site=story.site), people, (0.2, 0.21, 0.2))
    story.did(views, people, (12.0, 12.2, 12.1))
    story.did(late, people, (0.01, 0.012, 0.011))
    for segment, part, rates in (
        ("loyal", 4, (0.18, 0.19, 0.18)),
        ("new-visitors", 3, (0.07, 0.13, 0.08)),
        ("from-mail", 350, (0.1, 0.1, 0.1)),
    ):
        for metric, own in ((orders, rates), (value, (41.0, 41.2, 40.5))):
            story.did(metric, [count // part for count in people], own, segment)
    Change.objects.create(
        experiment=story.experiment, phase=1, at=story.begin + timedelta(days=5), action="ramped",
        note="Nothing broke in five days", detail={"from": 0.5, "to": 1.0},
    )  # fmt: skip
    return story

"""An experiment in a placement of a shop: two variants, one goal."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from apps.content import services as content
from apps.content.models import Placement, Variant
from apps.decisions import parts
from apps.delivery import exposure_log
from apps.experiments import refreshing, running
from apps.experiments.models import Arm, Experiment, Goal, Metric
from apps.pipeline import fold
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World, _new_process, world  # noqa: F401
from tests.apps.profiles.conftest import Shop, track


class Lab:
    """Rows of one site's experiments, and how tests write them."""

    def __init__(self, world: World) -> None:  # noqa: F811
        self.world = world
        self.site = world.site
        self.metric = Metric.objects.create(
            site=self.site, key="orders", name="Orders", event="Order Completed"
        )
        self.placements: dict[str, Placement] = {}
        self.variants: dict[str, list[Variant]] = {}

    def place(self, key: str, variants: int = 2) -> Placement:
        """Make a placement whose block has so many variants; the first is its default."""
        block = content.create_block(site_id=self.site.pk, key=key)
        self.variants[key] = [
            content.create_variant(
                block=block, key=f"v{n}", is_default=n == 0, template=f"<p>{n}</p>"
            )
            for n in range(variants)
        ]
        self.placements[key] = content.create_placement(
            site_id=self.site.pk, key=f"{key}.place", block=block
        )
        return self.placements[key]

    def design(
        self, key: str = "words", shares: tuple[float, ...] = (0.5, 0.5), **more: Any
    ) -> Experiment:
        """Design an experiment over the variants of a placement of its own name."""
        placement = self.placements.get(key) or self.place(key, len(shares))
        options: dict[str, Any] = {"per_arm": 1_000, **more}
        experiment = Experiment.objects.create(
            site=self.site, key=key, name=key, placement=placement, created_at=NOW, **options
        )
        for number, (share, variant) in enumerate(zip(shares, self.variants[key], strict=True)):
            Arm.objects.create(
                experiment=experiment, number=number, key=f"arm{number}", name=f"Arm {number}",
                variant=variant, weight=share, is_control=number == 0,
            )  # fmt: skip
        Goal.objects.create(experiment=experiment, metric=self.metric, added_at=NOW)
        return experiment

    def start(self, experiment: Experiment) -> None:
        """Start it, and publish whatever waits."""
        running.start(experiment_id=experiment.pk, actor=None, now=NOW)
        self.world.publish()

    def waiting(self) -> list[tuple[str, str, str]]:
        """What would be published: (verb, kind, key)."""
        parts.refresh_parts(self.site.pk)
        return [(row.verb, row.kind, row.key) for row in parts.waiting(self.site.pk)]

    def shown(self, experiment: Experiment, people: int = 200) -> dict[str, str]:
        """What so many visitors see in its placement: the variant's key by anonymous id."""
        key = experiment.placement.key
        found = {}
        for number in range(people):
            answer = self.world.ask(key, key=self.world.sk, anonymousId=f"visitor-{number}")
            found[f"visitor-{number}"] = answer["placements"][key]["variant"]
        return found


@pytest.fixture
def lab(world: World) -> Lab:  # noqa: F811
    return Lab(world)


class Visit(NamedTuple):
    """What a visitor was shown in a placement: the variant, and the decision's id."""

    variant: str
    decision: str


class Audience:
    """Visitors of a lab's placement: they look, are exposed, and do things, as events."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.shop = Shop(lab.world)

    def look(self, experiment: Experiment, who: str) -> Visit:
        key = experiment.placement.key
        answer = self.lab.world.ask(key, key=self.lab.world.sk, anonymousId=who)
        told = answer["placements"][key]
        return Visit(told["variant"], told["decisionId"])

    def expose(self, *visits: Visit, seen_at: str | None = None) -> None:
        """Tell that these were seen."""
        more = {} if seen_at is None else {"seenAt": seen_at}
        items = [{"decisionId": one.decision, **more} for one in visits]
        response = self.lab.world.post("/v1/exposures", {"exposures": items}, key=self.lab.world.sk)
        assert response.status_code in (200, 202), response.content
        exposure_log.flush()
        while fold.fold_once(now=clock.now()) is not fold.NOTHING:
            pass

    def join(self, experiment: Experiment, people: int) -> dict[str, str]:
        """Let so many look and be exposed; the variant of each."""
        visits = {f"visitor-{n}": self.look(experiment, f"visitor-{n}") for n in range(people)}
        self.expose(*visits.values())
        return {who: visit.variant for who, visit in visits.items()}

    def order(
        self, *who: str, value: float = 10.0, at: str = "", told_days: int = 1, **properties: Any
    ) -> None:
        """Let visitors order something, by default half an hour after the first exposure."""
        at = at or (NOW + timedelta(minutes=30)).isoformat()
        clock.replace(lambda: NOW + timedelta(days=told_days))
        self.shop.send(
            *(
                track(
                    "Order Completed", anonymousId=one, timestamp=at,
                    properties={"value": value, **properties},
                )
                for one in who
            )
        )  # fmt: skip

    def refresh(self) -> int:
        return refreshing.refresh(site_id=self.lab.site.pk, now=clock.now())


@pytest.fixture
def audience(lab: Lab) -> Audience:
    return Audience(lab)

"""A site whose offers are capped, and a clock that tests move."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from apps.content import services as content
from apps.delivery import exposure_log
from apps.pipeline import fold
from apps.rules import services as rules
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World

MINUTE = timedelta(minutes=1)
DAY_MS = 86_400_000


class Shop:
    """A world with capped offers, and a clock that tests move."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = NOW
        self.begin()

    def begin(self) -> None:
        """Let this generation of the hot state begin, and get older than any reservation."""
        self.world.ask("nowhere", anonymousId="nobody")
        self.wait(3 * MINUTE)

    def wait(self, span: timedelta) -> None:
        self.now += span
        clock.replace(lambda: self.now)

    def offer(
        self, place: str = "home.offer", *, variant: Sequence[str] = (), rule: Sequence[str] = (),
        block: Sequence[str] = (), placement: Sequence[str] = (), template: str = "Offer",
    ) -> None:  # fmt: skip
        """A placement whose rule serves an offer to everyone; the names are keys of caps."""
        site_id = self.world.site.pk
        made = content.create_block(site_id=site_id, key=place, cap_keys=block)
        content.create_variant(block=made, key="plain", is_default=True, template="Plain")
        content.create_variant(block=made, key="offer", template=template, cap_keys=variant)
        content.create_placement(site_id=site_id, key=place, block=made, cap_keys=placement)
        rules.create_rule(
            site_id=site_id, key=place, placement_key=place, variant_key="offer", cap_keys=rule
        )

    def cap(self, key: str = "twice", **terms: Any) -> None:
        content.create_cap(site_id=self.world.site.pk, key=key, **terms)

    def ask(self, who: str = "a1", *places: str, **more: Any) -> dict[str, Any]:
        """The placements of an answer."""
        asked = places or ("home.offer",)
        return self.world.ask(*asked, anonymousId=who, **more)["placements"]

    def variant(self, who: str = "a1", **more: Any) -> str:
        return str(self.ask(who, **more)["home.offer"]["variant"])

    def expose(self, *decision_ids: str, **more: Any) -> None:
        items = [{"decisionId": one, **more} for one in decision_ids]
        response = self.world.post("/v1/exposures", {"exposures": items})
        assert response.status_code == 200 and not response.json()["rejected"], response.content

    def see(self, who: str = "a1", **more: Any) -> str:
        """Ask and show what came; the variant."""
        decided = self.ask(who)["home.offer"]
        self.expose(decided["decisionId"], **more)
        return str(decided["variant"])

    def fold(self) -> None:
        exposure_log.flush()
        before = fold._set_aside
        while fold.fold_once(now=self.now) is not fold.NOTHING:
            pass
        assert fold._set_aside == before

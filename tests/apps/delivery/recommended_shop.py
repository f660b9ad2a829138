"""A shop with a recommender whose lists are stored as a training leaves them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.content import services as content
from apps.pipeline import fold
from apps.recommendations import selectors
from apps.recommendations.models import Item, ItemList, Recommender, RecommenderVersion
from tests.apps.delivery.conftest import NOW, World

KEY = "next"
PLACE = "home.recs"
POPULAR = [[f"P{n}", 0.3 - n / 100] for n in range(8)]
# item -> [[other, number], ...], or with what was looked at before: "before>item".
AFTER: Mapping[str, Sequence[Sequence[Any]]] = {"A": [["B", 0.6], ["C", 0.3]]}


class Shop:
    """The placement home.recs with five items, in a world of visitors."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._views = 0
        self.recommender = Recommender.objects.create(site_id=world.site.pk, key=KEY, name="Next")
        block = content.create_block(
            site_id=world.site.pk, key="recs", kind="recommendations", recommender=KEY, item_limit=5
        )
        content.create_variant(block=block, key="list", is_default=True)
        content.create_placement(site_id=world.site.pk, key=PLACE, block=block)
        world.publish()
        self.learn(AFTER)

    def learn(
        self,
        after: Mapping[str, Sequence[Sequence[Any]]],
        *,
        method: str = "followed_by",
        vectors: Mapping[str, Sequence[float]] | None = None,
        params: Mapping[str, Any] | None = None,
        popular: Sequence[Sequence[Any]] = POPULAR,
        at: datetime = NOW,
    ) -> None:
        """Store a training and let it serve."""
        version = RecommenderVersion.objects.create(
            recommender=self.recommender, trained_at=at, since=at, until=at, views=1, pairs=1,
            popular=list(popular), method=method, params=dict(params or {}), state="active",
        )  # fmt: skip
        for name, ranked in after.items():
            *before, item = name.split(">")
            ItemList.objects.create(
                version=version,
                item=item,
                previous="".join(before),
                method=method,
                ranked=list(ranked),
                vector=(vectors or {}).get(item),
            )
        self.set(active=version)

    def set(self, **fields: Any) -> None:
        """Change the recommender, as every process sees it a second later."""
        Recommender.objects.filter(pk=self.recommender.pk).update(**fields)
        self.recommender.refresh_from_db()
        selectors._bought.clear()
        selectors.refresh(self.world.site.pk)

    def item(self, code: str, **fields: Any) -> None:
        """Describe an item, without telling any process."""
        known = {"seen_at": NOW, **fields}
        Item.objects.update_or_create(site_id=self.world.site.pk, code=code, defaults=known)

    def happens(
        self, name: str, visitor: str = "a1", *, at: datetime = NOW, **properties: Any
    ) -> None:
        """Send an event of a visitor, and fold it."""
        body = {
            "anonymousId": visitor,
            "event": name,
            "timestamp": at.isoformat(),
            "properties": properties,
        }
        self.sends(body)

    def sends(self, body: Mapping[str, Any]) -> None:
        """Send a tracked event as it is, and fold it."""
        response = self.world.post("/v1/track", body, key=self.world.sk)
        assert response.status_code == 200, response.content
        self.folds()

    def folds(self) -> None:
        """Fold what waits."""
        while fold.fold_once(now=NOW) is not fold.NOTHING:
            pass

    def views(self, item: str, visitor: str = "a1") -> None:
        """Let a visitor look at an item, a second after the last one."""
        self._views += 1
        at = NOW + timedelta(seconds=self._views - 600)
        self.happens("Product Viewed", visitor, at=at, product_id=item)

    def shown(self, visitor: str = "a1", **body: Any) -> dict[str, Any]:
        """Return what /v1/decide says of the placement."""
        answer = self.world.ask(PLACE, anonymousId=visitor, **body)
        return answer["placements"][PLACE]  # type: ignore[no-any-return]

    def items(self, visitor: str = "a1") -> list[str]:
        """Return the codes of what the placement shows."""
        return [one["id"] for one in self.shown(visitor)["items"]]

    def whys(self, visitor: str = "a1") -> dict[str, str]:
        """Return why each item is shown."""
        return {one["id"]: one["why"] for one in self.shown(visitor)["items"]}

    def fetch(self, query: str = "", *, status: int = 200, key: str | None = None) -> Any:
        """GET /v1/recommendations/next; the decoded answer."""
        response = self.world.client.get(
            f"/v1/recommendations/{KEY}?{query}",
            headers={"Authorization": f"Bearer {key or self.world.sk}"},
        )
        assert response.status_code == status, response.content
        return response.json()

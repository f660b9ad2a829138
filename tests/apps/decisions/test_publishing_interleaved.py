"""Any order of edits, publications, releases and rollbacks: what serves is what was composed."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access import services as access
from apps.content.models import Placement, Variant
from apps.decisions import manifests, parts, releases, services, stored
from apps.decisions.errors import ReleaseConflict, ReleaseRefused
from apps.decisions.manifests import Name
from apps.decisions.models import Publication
from apps.decisions.publishing import draft_document
from apps.decisions.selectors import publication_document
from tests.apps.decisions.drafts_shop import Drafts
from tests.apps.delivery.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

THINGS: tuple[Name, ...] = (("block", "hero"), ("placement", "home.hero"), ("rule", "phones"))
EDITS = st.tuples(st.just("edit"), st.sampled_from(THINGS), st.integers(0, 2))
PICKS = st.sets(st.sampled_from(THINGS), min_size=1)
STEPS = st.one_of(
    EDITS,
    EDITS,
    st.tuples(st.just("publish"), PICKS),
    st.tuples(st.just("publish all")),
    st.tuples(st.just("release"), PICKS),
    st.tuples(st.just("publish release"), st.integers(0, 3)),
    st.tuples(st.just("rollback"), st.integers(1, 6)),
)


@dataclass
class World:
    """What is expected: what each thing says in the drafts, as served, and in each release."""

    drafts: Drafts
    drafted: dict[Name, int] = field(default_factory=lambda: dict.fromkeys(THINGS, 0))
    served: dict[Name, int] = field(default_factory=dict)
    history: dict[int, dict[Name, int]] = field(default_factory=dict)
    bodies: dict[int, Any] = field(default_factory=dict)
    frozen: list[tuple[Any, dict[Name, int], dict[Name, int | None]]] = field(default_factory=list)

    @property
    def site_id(self) -> Any:
        return self.drafts.site.pk

    def edit(self, name: Name, value: int) -> None:
        self.drafted[name] = value
        match name[0]:
            case "block":
                self.drafts.change(self.drafts.tagged, fields={"headline": f"{value}"})
            case "placement":
                Placement.objects.filter(pk=self.drafts.place.pk).update(is_enabled=value != 1)
                self.drafted[name] = int(value == 1)
            case "rule":
                self.drafts.change(self.drafts.rule, priority=value)

    def ticked(self, picks: set[Name]) -> dict[Name, str]:
        parts.refresh_parts(self.site_id)
        rows = {(row.kind, row.key): row.digest for row in parts.waiting(self.site_id)}
        waiting = {name for name in THINGS if self.drafted[name] != self.served.get(name)}
        assert waiting == rows.keys() & set(THINGS)
        return {name: rows[name] for name in picks & waiting}

    def noted(self, publication: Publication) -> None:
        self.history.setdefault(publication.number, dict(self.served))
        self.check()

    def publish_all(self) -> None:
        made = services.publish(site_id=self.site_id, actor=None, now=NOW)
        self.served = dict(self.drafted)
        self.noted(made)
        document = publication_document(self.site_id)
        assert document is not None
        contents = {e.content for e in manifests.taken_apart(document)[0].values()}
        drafted = manifests.taken_apart(draft_document(self.site_id))[0]
        assert contents == {entry.content for entry in drafted.values()}

    def publish(self, picks: set[Name]) -> None:
        only = self.ticked(picks)
        if only:
            made = services.publish(site_id=self.site_id, actor=None, now=NOW, only=only)
            self.served |= {name: self.drafted[name] for name in only}
            self.noted(made)

    def release(self, picks: set[Name]) -> None:
        only = self.ticked(picks)
        if only:
            made = releases.create_release(
                site_id=self.site_id, name="R", only=only, actor=None, now=NOW
            )
            base = {name: self.served.get(name) for name in only}
            self.frozen.append((made.pk, {name: self.drafted[name] for name in only}, base))

    def publish_release(self, index: int) -> None:
        if index >= len(self.frozen):
            return
        release_id, says, base = self.frozen[index]
        clashes = {name for name in says if self.served[name] not in {base[name], says[name]}}
        try:
            made = releases.publish_release(release_id=release_id, actor=None, now=NOW)
        except ReleaseConflict as conflict:
            assert set(conflict.names) == clashes
            return
        except ReleaseRefused:
            return  # published before
        assert not clashes
        self.served |= says
        self.noted(made)

    def rollback(self, number: int) -> None:
        if number not in self.history:
            return
        before = publication_document(self.site_id, number)
        assert before is not None
        made = services.rollback(site_id=self.site_id, number=number, actor=None, now=NOW)
        self.served = dict(self.history[number])
        self.noted(made)
        after = publication_document(self.site_id)
        assert after is not None
        assert manifests.taken_apart(after) == manifests.taken_apart(before)

    def check(self) -> None:
        """What serves says what is expected, and what was published before says what it said."""
        latest = stored.newest(self.site_id)
        assert latest is not None
        document = publication_document(self.site_id)
        assert document is not None
        [block] = document.blocks
        [tagged] = [one for one in block.variants if one.key == "blouses"]
        [place], [rule] = document.placements, document.rules
        found: dict[Name, int] = {
            THINGS[0]: int(tagged.fields["headline"]),
            THINGS[1]: int(not place.enabled),
            THINGS[2]: rule.priority,
        }
        assert found == self.served
        for number in self.history:
            publication = stored.find(self.site_id, number)
            assert publication is not None
            said = stored.as_it_is(publication)
            assert self.bodies.setdefault(number, said) == said


@settings(
    max_examples=int(os.environ.get("INTERLEAVINGS", "40")),
    derandomize="INTERLEAVINGS" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=1, max_size=10))
def test_what_serves_is_what_was_composed(db: None, steps: list[tuple[Any, ...]]) -> None:
    with transaction.atomic():
        world = World(Drafts(access.create_site(key="shop", name="Shop", now=NOW)))
        world.edit(THINGS[0], 0)
        world.publish_all()
        for kind, *rest in steps:
            getattr(world, kind.replace(" ", "_"))(*rest) if kind != "publish all" else (
                world.publish_all()
            )
        assert Variant.objects.filter(block=world.drafts.hero).count() == 2
        transaction.set_rollback(True)

"""Since when a trait is as it is, where it came from, and which traits nobody can send."""

import itertools
from typing import Any

import pytest

from apps.profiles.models import ProfileState, Trait
from apps.profiles.state import meta_of
from tests.apps.pipeline.conftest import START_MS, World, event, identify


def since_s(world: World, key: str = "plan") -> float | None:
    changed_ms = meta_of(world.state_of("user_id", "ann").traits[key]).changed_ms
    return None if changed_ms is None else (changed_ms - START_MS) / 1000


@pytest.mark.parametrize(
    "order", list(itertools.permutations(range(4))), ids=lambda order: "".join(map(str, order))
)
def test_a_value_holds_since_it_last_became_another_whatever_came_first(
    world: World, order: tuple[int, ...]
) -> None:
    said = [(10, "pro"), (20, "free"), (30, "pro"), (40, "pro")]

    for place in order:
        at_s, plan = said[place]
        world.fold(identify(at_s, None, "ann", plan=plan))

    assert world.state_of("user_id", "ann").trait_values() == {"plan": "pro"}
    assert since_s(world) == 30


def test_a_merge_asks_both_pasts_since_when(world: World) -> None:
    world.fold(identify(10, None, "old", plan="pro"), identify(20, None, "ann", plan="pro"))

    world.fold(event(30, type="alias", name="Alias", user_id="ann", previous_id="old"))

    assert since_s(world) == 10


def test_a_row_from_before_traits_knew_their_past_learns_it(world: World) -> None:
    world.fold(identify(10, None, "ann", plan="pro"))
    row = world.state_of("user_id", "ann")
    old: Any = {key: list(entry[:3]) for key, entry in row.traits.items()}
    ProfileState.objects.filter(pk=row.profile_id).update(traits=old)
    assert meta_of(world.state_of("user_id", "ann").traits["plan"]).changed_ms is None

    world.fold(identify(20, None, "ann", plan="pro"))

    assert since_s(world) == 10


def test_the_kind_of_call_is_the_source_of_what_it_says(world: World) -> None:
    world.fold(identify(10, None, "ann", plan="pro"))
    meta = meta_of(world.state_of("user_id", "ann").traits["plan"])
    assert (meta.observed_ms, meta.source) == (START_MS + 10_000, "identify")


def test_group_calls_make_a_person_a_member_of_each_group(world: World) -> None:
    def joins(at_s: float, group: str) -> Any:
        return event(at_s, type="group", name="Group", user_id="ann", group_id=group, traits={})

    world.fold(joins(20, "beta"))
    world.fold(joins(30, "acme"))
    world.fold(joins(10, "zeta"))

    groups = ["acme", "beta", "zeta"]
    assert world.state_of("user_id", "ann").trait_values()["edge.member_of"] == groups
    assert Trait.objects.get(key="edge.member_of").value == groups


@pytest.mark.parametrize("key", ["list.press", "score.buys", "edge.member_of", "computed.ltv"])
def test_a_sender_cannot_say_what_only_we_know(world: World, key: str) -> None:
    world.fold(identify(1, None, "ann", **{key: True, "plan": "pro"}))
    assert world.state_of("user_id", "ann").trait_values() == {"plan": "pro"}

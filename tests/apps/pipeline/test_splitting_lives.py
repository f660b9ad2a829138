"""A merge undone, against a world where nobody was ever joined: any two lives, drawn by lot."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.events import history
from apps.events.models import Inbox
from apps.events.types import Accepted
from apps.pipeline import fold
from apps.profiles import splitting
from apps.profiles.models import Due, MergeRecord, Trait, TraitChange
from apps.segments.models import Membership
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.pipeline.joined import LATER, alias, counted, inside, publish, say, undo

SIDES = {"a": ["a1", "a2"], "b": ["b1", "b2"]}
GROUPS = ["g1", "g2"]


def users_of(side: str) -> str:
    return f"{side}-user"


@st.composite
def two_lives(draw: st.DrawFn) -> tuple[list[list[Accepted]], bool]:
    """Events of two people before they are joined, meanwhile, and after they are split.

    The first person has a login and devices. The second has a login too, or is one device.
    """
    moments = iter(draw(st.lists(st.integers(0, 3000), min_size=2, max_size=16, unique=True)))
    is_known = draw(st.booleans())
    parts: list[list[Accepted]] = [[], [], []]
    cuts = [draw(st.integers(0, 16)), draw(st.integers(0, 16))]
    for number, at_s in enumerate(moments):
        side = draw(st.sampled_from("ab"))
        device = draw(st.sampled_from(SIDES[side]))
        user: str | None = users_of(side)
        if side == "b" and not is_known:
            device, user = "b1", None
        kind = draw(st.sampled_from(["view", "view", "both", "identify", "group"]))
        if user is None or kind == "view":
            made = event(at_s, anonymous_id=device, properties={"product_id": f"p{number}"})
        elif kind == "both":
            made = event(at_s, anonymous_id=device, user_id=user)
        elif kind == "identify":
            plan = draw(st.sampled_from(["pro", "free", None]))
            made = identify(at_s, device, user, plan=plan, **{f"step{number % 3}": number})
        else:
            made = event(
                at_s, type="group", name="Group", user_id=user, traits={"n": number},
                group_id=draw(st.sampled_from(GROUPS)),
            )  # fmt: skip
        made.message_id = f"m{number}"
        parts[sum(number >= cut for cut in cuts)].append(made)
    return parts, is_known


def speaker(side: str, is_known: bool) -> tuple[str, str]:
    """The identity under which a person makes choices."""
    return ("user_id", users_of(side)) if side == "a" or is_known else ("anonymous_id", "b1")


def beginnings(is_known: bool) -> list[Accepted]:
    """Each has a profile before anything else, and devices of those with a login lead to it."""
    made = [identify(-30 + n, name, users_of("a")) for n, name in enumerate(SIDES["a"])]
    if is_known:
        made += [identify(-20 + n, name, users_of("b")) for n, name in enumerate(SIDES["b"])]
    else:
        made.append(event(-20, anonymous_id="b1"))
    for number, one in enumerate(made):
        one.message_id = f"s{number}"
    return made


def joining(is_known: bool) -> Accepted:
    """What makes them one: an alias of two logins, or a login at the other's device."""
    made = alias(-1, users_of("b"), users_of("a"))
    if not is_known:
        made = identify(-1, "b1", users_of("a"))
    made.message_id = "join"
    return made


def outcome(world: World, is_known: bool) -> dict[str, object]:
    """What is known of both, in words that do not depend on generated ids."""
    names = [("user_id", "a-user"), *(("anonymous_id", name) for name in SIDES["a"])]
    names.append(("anonymous_id", "b1"))
    if is_known:
        names += [("user_id", "b-user"), ("anonymous_id", "b2")]
    found: dict[str, object] = {}
    for kind, value in names:
        row = world.state_of(kind, value)
        events = world.events_of(kind, value)
        found[f"{kind}:{value}"] = {
            "unit": row.unit_id,
            "identities": sorted(row.identities),
            "events": events,
            "count": row.event_count,
            "seen": (row.first_seen_ms, row.last_seen_ms),
            "history": [(h.at_ms, h.name) for h in history.decode(row.history).happenings],
            # Since when somebody has their groups is told by the order of arrival.
            "traits": {
                key: entry[:3] if key == "edge.member_of" else entry
                for key, entry in row.traits.items()
            },
            "trait rows": sorted(
                Trait.objects.filter(profile_id=row.profile_id).values_list("key", "value"),
                key=str,
            ),
            "changes": sorted(
                TraitChange.objects.filter(profile_id=row.profile_id).values_list(
                    "key", "message_id"
                )
            ),
            "segments": inside(world, row),
            "open": sorted(
                Membership.objects.filter(profile_id=row.profile_id, left_at=None).values_list(
                    "segment__key", flat=True
                )
            ),
            "consent": (row.granted, row.denied),
            "due": Due.objects.filter(pk=row.profile_id).values_list("due_at").first(),
        }
    return found


# No "analytics": whoever refuses it sends no events. No "personalization": what comes in while one
# of the two refuses it serves neither of them later. No noes of meanwhile: they count for both.
_SAID = st.tuples(st.sampled_from("ab"), st.sampled_from(["functional", "sale"]), st.booleans())
_CHOICES = st.tuples(st.lists(_SAID, max_size=3), st.lists(_SAID, max_size=2))


@pytest.mark.django_db
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lives=two_lives(), choices=_CHOICES)
def test_two_who_were_joined_and_split_are_as_if_they_had_never_been(
    world_of: Callable[[], World],
    lives: tuple[list[list[Accepted]], bool],
    choices: tuple[list[tuple[str, str, bool]], list[tuple[str, str, bool]]],
) -> None:
    (before, meanwhile, after), is_known = lives
    Inbox.objects.all().delete()  # of an example that failed
    joined, never = world_of(), world_of()
    for world in (joined, never):
        publish(world, "looks", counted("gte", 2))
        publish(world, "few", counted("lte", 3))
        for one in (*beginnings(is_known), *before):
            world.fold(one)
        for side, purpose, is_yes in choices[0]:
            say(world, *speaker(side, is_known), **{purpose: is_yes})
    second = speaker("b", is_known)
    pair = (never.profile_of("user_id", "a-user"), never.profile_of(*second))
    splitting.keep_apart(never.site.id, [pair], now=NOW)

    for world in (joined, never):
        world.fold(joining(is_known))
        for side, purpose, _ in choices[1]:
            say(world, *speaker(side, is_known), **{purpose: True})
        for one in meanwhile:
            world.fold(one)
    assert MergeRecord.objects.filter(site=joined.site).count() == 1
    assert MergeRecord.objects.filter(site=never.site).count() == 0
    undo(joined)
    fold.fold_due(now=LATER)
    assert outcome(joined, is_known) == outcome(never, is_known)

    for world in (joined, never):
        for one in after:
            world.fold(one)
    assert outcome(joined, is_known) == outcome(never, is_known)

"""After an undo, the list stays with whom the address on it belongs to, and leaves the other."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from apps.segments import lists
from apps.segments.list_following import follow
from apps.segments.lists import Origin
from tests.apps.pipeline.conftest import NOW, World, event, identify
from tests.apps.pipeline.joined import LATER, alias, undo
from tests.apps.pipeline.test_splitting_stores import apply_lists

X = sha256(b"x@example.org").hexdigest()


def test_who_was_on_a_list_by_the_address_of_the_other_is_off_after_the_undo(world: World) -> None:
    world.fold(event(1, user_id="u1"))
    world.fold(identify(2, None, "u2", email="x@example.org"))
    world.fold(alias(3, "u2", "u1"))
    lists.create_list(site_id=world.site.pk, key="press", name="P", actor=None, now=NOW)
    lists.receive(
        site_id=world.site.pk, key="press", chunks=[f"email_sha256\n{X}\n".encode()],
        mode="append", origin=Origin("people.csv"), now=NOW,
    )  # fmt: skip
    apply_lists()
    for minutes in (0, 3, 6):
        follow(now=NOW + timedelta(minutes=minutes))

    def on() -> list[Any]:
        rows = (world.state_of("user_id", user) for user in ("u1", "u2"))
        return [row.trait_values().get("list.press") for row in rows]

    assert on() == [True, True], "one person"
    undo(world)
    apply_lists()
    for minutes in (9, 12, 15):
        follow(now=LATER + timedelta(minutes=minutes))
    assert on() == [None, True]

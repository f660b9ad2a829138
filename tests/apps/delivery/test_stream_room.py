"""How many streams there may be, and for whom."""

from apps.delivery.stream.room import PER_VISITOR, Room

SHOP, OTHER = b"s" * 16, b"o" * 16


def taken(room: Room, count: int, site: bytes = SHOP, address: str | None = None) -> int:
    """How many of so many invented visitors find a place."""
    return sum(room.take(site, b"%d" % n, address) is not None for n in range(count))


def test_one_site_leaves_room_for_the_others() -> None:
    room = Room(10)
    assert taken(room, 10) == 5
    assert taken(room, 10, OTHER) == 5
    assert taken(room, 10, b"t" * 16) == 0


def test_one_address_leaves_room_for_the_others() -> None:
    room = Room(100, of_address=3)
    assert taken(room, 10, address="203.0.113.9") == 3
    assert taken(room, 10, address="203.0.113.10") == 3
    assert taken(room, 10, OTHER, address="203.0.113.9") == 0


def test_an_address_is_what_one_customer_of_a_provider_has() -> None:
    room = Room(100, of_address=3)
    assert taken(room, 10, address="2001:db8:1:2::1") == 3
    assert taken(room, 10, address="2001:db8:1:2::2") == 0
    assert taken(room, 10, address="2001:db8:1:3::2") == 3


def test_one_visitor_has_twenty_wherever_they_are() -> None:
    room = Room(100)
    places = [room.take(SHOP, b"a", f"203.0.113.{n}") for n in range(PER_VISITOR + 1)]
    assert [place is not None for place in places] == [True] * PER_VISITOR + [False]


def test_this_machine_stands_for_all_behind_it() -> None:
    for address in ("127.0.0.1", "::1", None):
        assert taken(Room(100, of_address=3), 10, address=address) == 10


def test_without_a_limit_an_address_has_any_number() -> None:
    assert taken(Room(100, of_address=0), 50, address="203.0.113.9") == 50


def test_a_place_that_was_left_is_free_again() -> None:
    room = Room(2, of_site=2, of_address=1)
    place = room.take(SHOP, b"a", "203.0.113.9")
    assert place is not None and room.take(SHOP, b"a", "203.0.113.9") is None
    room.give_back(place)
    assert room.take(SHOP, b"a", "203.0.113.9") is not None
    assert taken(room, 5, address="203.0.113.10") == 1

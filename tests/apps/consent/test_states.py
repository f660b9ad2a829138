"""States of purposes: what events come to, and what two people have who turn out to be one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.consent import state
from apps.consent.state import Cause, Code, Consents, Entry, Policy, Said
from apps.consent.types import ALL_PURPOSES, OPTED_OUT, Purpose
from apps.work import clock

DAY = 86_400_000
AT = clock.to_ms(datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
EVERY_BIT = [int(purpose) for purpose in Purpose]
ADVERTISING, PERSONALIZATION = int(Purpose.ADVERTISING), int(Purpose.PERSONALIZATION)

ENTRIES = st.builds(
    Entry,
    st.sampled_from([int(code) for code in Code]),
    st.integers(0, 50),
    st.integers(0, 90),
    st.sampled_from(["", "v1", "v2"]),
    st.sampled_from([int(cause) for cause in Cause]),
)
CONSENTS = st.dictionaries(st.sampled_from(EVERY_BIT), ENTRIES)
BITS = st.integers(0, 2**15 - 1)
EVENTS = st.builds(
    Said,
    st.integers(1, 9),
    st.sampled_from(["given", "expired", "conflict_notified", "signal_applied"]),
    yes=BITS,
    no=BITS,
    signal=st.sampled_from([0, OPTED_OUT, OPTED_OUT | PERSONALIZATION]),
    regime=st.sampled_from(["eu_opt_in", "us_opt_out"]),
    is_known=st.booleans(),
    key=st.sampled_from("abc"),
)


def said(yes: int = 0, no: int = 0, *, at: int = AT, **more: object) -> Said:
    return Said(at, "given", yes, no, **more)  # type: ignore[arg-type]


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


@given(CONSENTS, CONSENTS, CONSENTS)
def test_joining_is_commutative_associative_and_idempotent(
    one: Consents, two: Consents, three: Consents
) -> None:
    assert state.join(one, two) == state.join(two, one)
    assert state.join(state.join(one, two), three) == state.join(one, state.join(two, three))
    assert state.join(one, one) == one


@given(CONSENTS, CONSENTS, st.integers(0, 99))
def test_nobody_is_permitted_more_by_being_joined_with_somebody_who_was_asked(
    one: Consents, two: Consents, now_ms: int
) -> None:
    joint = state.join(one, two)
    granted, denied, _ = state.bits(joint, now_ms)
    for consents in (one, two):
        own_granted, own_denied, _ = state.bits(consents, now_ms)
        assert denied & own_denied == own_denied
        assert not granted & sum(bit for bit in consents if not own_granted & bit)


@given(CONSENTS)
def test_whom_nobody_asked_takes_nothing_away(consents: Consents) -> None:
    assert state.join(consents, state.NOTHING_SAID) == consents


@given(CONSENTS)
def test_packed_states_come_back(consents: Consents) -> None:
    assert state.decode(state.encode(consents)) == consents


@given(st.lists(EVENTS, max_size=6), st.randoms())
def test_the_state_does_not_depend_on_the_order_in_which_events_are_read(
    events: list[Said], random: object
) -> None:
    events = [one._replace(key=str(number)) for number, one in enumerate(events)]
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert state.fold(shuffled) == state.fold(events)


@given(st.lists(EVENTS, max_size=5), BITS, st.integers(0, 12))
def test_one_more_refusal_at_the_end_never_grants(events: list[Said], no: int, now_ms: int) -> None:
    before = state.fold(events)
    after = state.after(before, Said(20, "given", no=no))
    assert not state.bits(after, now_ms)[0] & ~state.bits(before, now_ms)[0]
    assert not state.bits(after, now_ms)[0] & no & ~int(Purpose.NECESSARY)


def test_of_a_yes_and_a_no_at_one_time_the_no_stands_whichever_is_read_first() -> None:
    yes, no = said(yes=PERSONALIZATION, key="a"), said(no=PERSONALIZATION, key="b")
    for order in ([yes, no], [no, yes]):
        consents = state.NOTHING_SAID
        for one in order:
            consents = state.after(consents, one)
        assert state.bits(consents, AT)[:2] == (0, PERSONALIZATION)


@pytest.mark.parametrize(
    ("policy", "event", "until"),
    [
        pytest.param(Policy(), said(yes=8), "2027-01-31", id="a yes for twelve months"),
        pytest.param(Policy(1), said(yes=8), "2026-02-28", id="a yes for a short month"),
        pytest.param(Policy(), said(no=8), "2026-07-31", id="a no for six"),
        pytest.param(Policy(), said(no=32), "2027-01-31", id="a no to sale for twelve"),
        pytest.param(Policy(), said(signal=16), "2027-01-31", id="a signal for twelve"),
    ],
)
def test_what_was_said_holds_for_so_long(policy: Policy, event: Said, until: str) -> None:
    [entry] = state.after({}, event, policy=policy).values()
    assert iso(entry.until_ms) == until


def test_a_yes_ends_to_the_millisecond_and_is_over_until_it_is_written_down() -> None:
    consents = state.after({}, said(yes=8))
    end = consents[8].until_ms
    assert state.bits(consents, end - 1) == (8, 0, end)
    assert state.bits(consents, end) == (0, 0, 0)
    assert state.over(consents, end - 1) == 0
    assert state.over(consents, end) == 8

    expired = state.after(consents, Said(end, "expired", no=8))
    assert expired[8].code == Code.EXPIRED
    assert state.bits(expired, end) == (0, 0, 0)
    assert state.ask_again_ms(expired) == 0


def test_nobody_who_refused_is_asked_again_before_the_time() -> None:
    refused = state.after({}, said(no=4 | 8))
    assert iso(state.ask_again_ms(refused)) == "2026-07-31"
    both = state.after(refused, said(yes=4, at=AT + DAY))
    assert iso(state.ask_again_ms(both)) == "2026-07-31"
    assert state.ask_again_ms({}) == 0


@pytest.mark.parametrize(
    ("earlier", "event", "code"),
    [
        pytest.param([], said(no=8), Code.DENIED, id="refused"),
        pytest.param([said(yes=8)], said(no=8, at=AT + 1), Code.WITHDRAWN, id="taken back"),
        pytest.param([], said(no=32, regime="us_opt_out"), Code.OPTED_OUT, id="opted out of sale"),
        pytest.param([], said(no=128, regime="us_opt_out"), Code.LIMITED, id="limited"),
        pytest.param([], said(no=128), Code.DENIED, id="sensitive refused"),
        pytest.param([], said(signal=16), Code.OPTED_OUT, id="a signal"),
    ],
)
def test_a_refusal_is_called_by_its_name(earlier: list[Said], event: Said, code: Code) -> None:
    consents = state.after(state.fold(earlier), event)
    assert [entry.code for entry in consents.values()] == [code]


def test_what_is_necessary_cannot_be_refused() -> None:
    assert state.after({}, said(no=int(Purpose.NECESSARY))) == {}


class TestSignals:
    """A browser says no to advertising and sale; its owner says yes."""

    def after(self, *events: Said) -> Consents:
        return state.fold(events)

    def test_a_signal_overrides_an_earlier_yes(self) -> None:
        consents = self.after(said(yes=ADVERTISING), said(signal=OPTED_OUT, at=AT + 1))
        assert state.bits(consents, AT + 1)[:2] == (0, OPTED_OUT)

    @pytest.mark.parametrize("is_known", [False, True], ids=["browser", "person"])
    def test_a_later_yes_alone_does_not_lift_it(self, is_known: bool) -> None:
        consents = self.after(
            said(signal=OPTED_OUT), said(yes=ADVERTISING, at=AT + 1, is_known=is_known)
        )
        assert state.bits(consents, AT + 1)[0] == 0
        assert state.conflicts(consents, ADVERTISING) == ADVERTISING

    @pytest.mark.parametrize(
        ("is_known", "granted"), [(False, 0), (True, ADVERTISING)], ids=["browser", "person"]
    )
    def test_a_yes_of_a_known_person_who_was_told_stands(
        self, is_known: bool, granted: int
    ) -> None:
        told = Said(AT + 1, "conflict_notified", no=ADVERTISING)
        yes = said(yes=ADVERTISING, at=AT + 2, is_known=is_known)
        consents = self.after(said(signal=OPTED_OUT), told, yes)
        assert state.bits(consents, AT + 2)[0] == granted
        again = state.after(consents, said(signal=OPTED_OUT, at=AT + 3))
        assert state.bits(again, AT + 3)[0] == granted

    def test_personalization_that_was_chosen_along_with_the_signal_stands(self) -> None:
        signal = OPTED_OUT | PERSONALIZATION
        consents = self.after(said(yes=PERSONALIZATION, signal=signal))
        assert state.bits(consents, AT)[0] == PERSONALIZATION
        again = state.after(consents, said(signal=signal, at=AT + 1))
        assert state.bits(again, AT + 1)[0] == PERSONALIZATION
        earlier = self.after(said(yes=PERSONALIZATION), said(signal=signal, at=AT + 1))
        assert state.bits(earlier, AT + 1)[0] == 0


def test_rows_of_before_there_were_states_agree_with_their_bits() -> None:
    consents = state.with_bits({}, 4 | 8, 8 | 16, until_ms=AT)
    assert state.bits(consents, AT - 1) == (4, 8 | 16, AT)
    assert state.bits(consents, AT)[0] == 0
    assert state.with_bits(consents, 4, 8 | 16) == consents


@given(CONSENTS, BITS, BITS)
def test_states_with_bits_never_permit_what_the_bits_refuse(
    consents: Consents, granted: int, denied: int
) -> None:
    assert state.bits(state.with_bits(consents, granted, denied), 0)[1] & denied == denied
    assert ALL_PURPOSES == 63

"""Who stays in which arm: through a login, on another device, and after a merge."""

import pytest

from apps.experiments.models import Participant
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.profiles.conftest import identify

pytestmark = pytest.mark.django_db(transaction=True)


def devices(lab: Lab, audience: Audience, experiment: object) -> tuple[str, str]:
    """Two devices that are dealt different arms."""
    shown = lab.shown(experiment, 30)  # type: ignore[arg-type]
    first = next(who for who, variant in shown.items() if variant == "v1")
    other = next(who for who, variant in shown.items() if variant == "v0")
    return first, other


def test_an_arm_stays_through_a_login_and_on_a_device_that_comes_later(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    phone, laptop = devices(lab, audience, experiment)
    audience.expose(audience.look(experiment, phone))
    audience.shop.send(identify("ann", anonymousId=phone))
    assert audience.look(experiment, phone).variant == "v1"

    audience.shop.send(identify("ann", anonymousId=laptop))  # before it has shown anything
    visit = audience.look(experiment, laptop)
    assert visit.variant == "v1"
    audience.expose(visit)
    audience.refresh()
    [person] = Participant.objects.all()
    assert (person.arm, person.is_mixed) == (1, False)


def test_who_saw_both_arms_before_the_login_keeps_the_first_and_is_left_out(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    phone, laptop = devices(lab, audience, experiment)
    audience.expose(audience.look(experiment, phone))
    audience.expose(audience.look(experiment, laptop))
    audience.refresh()
    assert Participant.objects.count() == 2
    audience.shop.send(identify("ann", anonymousId=phone))
    audience.shop.send(identify("ann", anonymousId=laptop))
    audience.refresh()

    [person] = Participant.objects.all()
    assert (person.arm, person.is_mixed) == (1, True)
    assert {audience.look(experiment, who).variant for who in (phone, laptop)} == {"v1"}
    answer = lab.world.ask(experiment.placement.key, key=lab.world.sk, userId="ann")
    assert answer["placements"][experiment.placement.key]["variant"] == "v1"

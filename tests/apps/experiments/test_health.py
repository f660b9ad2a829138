"""What has to be right before a winner is shown, over real exposures and over odd rows."""

from datetime import timedelta
from typing import Any

import pytest

from apps.decisions import services as decisions
from apps.decisions.models import ArmDay
from apps.experiments import running
from apps.experiments.analysing import analyse
from apps.experiments.models import DaySum, Experiment, Metric, Participant, Phase, Uncounted
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_analysing import did, took_part
from tests.apps.profiles.conftest import track

pytestmark = pytest.mark.django_db(transaction=True)
ENDS = NOW + timedelta(days=14)
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36"
BOT = "Mozilla/5.0 (compatible; Examplebot/2.1; +http://example.com/bot.html)"


def started(lab: Lab, **more: Any) -> tuple[Experiment, Phase]:
    experiment = lab.design(**more)
    lab.start(experiment)
    return experiment, Phase.objects.get()


def checks(phase: Phase) -> dict[str, dict[str, Any]]:
    phase = Phase.objects.select_related("experiment").get(pk=phase.pk)
    return {one["name"]: one for one in analyse(phase, now=ENDS)["health"]}


def test_a_wrong_split_says_by_what_with_the_counts(lab: Lab) -> None:
    _, phase = started(lab)
    for arm, source, people in ((0, "mail", 200), (1, "mail", 200), (0, "", 150)):
        took_part(lab, phase, arm, people, facts={"source": source} if source else {})
    split = checks(phase)["split"]
    assert split["level"] == "bad" and "by source" in split["words"]
    assert split["table"] == {
        "head": ["Source", "Arm 0", "Arm 1"],
        "rows": [["mail", "200", "200"], ["not known", "150", "0"]],
    }


def test_facts_of_a_participant_are_those_of_their_browser_at_the_first_exposure(
    lab: Lab, audience: Audience
) -> None:
    experiment, _ = started(lab)
    page = {"url": "https://shop.example/?utm_source=mail&x=1"}
    audience.shop.send(
        track(anonymousId="visitor-0", timestamp=NOW.isoformat(),
              context={"userAgent": CHROME, "page": page})
    )  # fmt: skip
    audience.join(experiment, 1)
    audience.refresh()
    facts = Participant.objects.get().facts
    assert facts == {"browser": "Chrome", "device": "desktop", "source": "mail"}


def test_a_browsers_own_exposure_says_which_browser_it_is(lab: Lab, audience: Audience) -> None:
    from apps.events.models import Event

    experiment, _ = started(lab)
    visit = audience.look(experiment, "visitor-0")
    response = lab.world.client.post(
        "/v1/exposures",
        {"exposures": [{"decisionId": visit.decision}]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {lab.world.pk}", "User-Agent": BOT,
                 "Origin": "https://shop.example"},
    )  # fmt: skip
    assert response.status_code in (200, 202), response.content
    audience.expose()
    audience.refresh()
    [event] = Event.objects.filter(kind=Event.Kind.EXPOSURE)
    assert event.context == {"userAgent": "Robot", "device": {"type": "robot"}}
    assert Participant.objects.get().is_bot


def test_machines_are_left_out_and_counted_also_when_that_is_known_later(
    lab: Lab, audience: Audience
) -> None:
    experiment, phase = started(lab)
    audience.join(experiment, 6)
    audience.refresh()
    assert sum(DaySum.objects.values_list("n", flat=True)) == 6

    clock.replace(lambda: NOW + timedelta(days=1))
    at = (NOW + timedelta(hours=2)).isoformat()
    audience.shop.send(
        track(anonymousId="visitor-2", timestamp=at, context={"userAgent": BOT}),
        *(track(anonymousId="visitor-4", timestamp=at) for _ in range(500)),
    )
    audience.shop.send(*(track(anonymousId="visitor-4", timestamp=at) for _ in range(499)))
    audience.refresh()
    assert Participant.objects.filter(is_bot=True).count() == 1
    audience.shop.send(track(anonymousId="visitor-4", timestamp=at))
    audience.refresh()
    assert Participant.objects.filter(is_bot=True).count() == 2
    assert sum(DaySum.objects.values_list("n", flat=True)) == 4
    bots = checks(phase)["bots"]
    assert "2 of 6 are machines" in bots["words"]
    assert sum(int(row[1]) for row in bots["table"]["rows"]) == 2


def test_exposures_that_nobody_takes_part_by_are_counted_once(lab: Lab, audience: Audience) -> None:
    experiment, phase = started(lab)
    audience.join(experiment, 2)
    viewed = {"experiment_id": "words", "variation_id": "arm9"}
    audience.shop.send(
        track("Experiment Viewed", anonymousId="a1", properties=viewed),
        track("Experiment Viewed", anonymousId="a2", properties=viewed),
        track("Experiment Viewed", anonymousId="a3", properties={"experiment_id": "gone"}),
        track("Experiment Viewed", anonymousId="a4", properties={}),
    )
    for _ in range(2):
        audience.refresh()
    found = set(Uncounted.objects.values_list("experiment", "arm", "why", "n"))
    assert found == {
        ("words", "arm9", "arm", 2), ("gone", "", "experiment", 1), ("", "", "experiment", 1),
    }  # fmt: skip
    unknown = checks(phase)["unknown_arm"]
    assert unknown["level"] == "watch" and unknown["table"]["rows"] == [["arm9", "2"]]


def test_missing_exposures_of_one_arm_are_found_and_of_all_arms_too(lab: Lab) -> None:
    _, phase = started(lab)

    def told(*rows: tuple[int, int]) -> dict[str, Any]:
        ArmDay.objects.all().delete()
        for number, (calls, shown) in enumerate(rows):
            ArmDay.objects.create(
                site=lab.site, day=NOW.date(), experiment="words", arm=f"arm{number}",
                calls=calls, failed=0, shown=shown,
            )  # fmt: skip
        return checks(phase).get("missing", {})

    assert told((1_000, 600), (1_000, 610))["level"] == "fine"
    assert told((1_000, 600), (1_000, 300))["level"] == "bad"
    assert told((1_000, 0), (1_000, 0))["level"] == "bad"
    assert told((100, 0), (100, 0)) == {}
    assert told((300, 3_000), (300, 3_010))["level"] == "fine"  # a part of the log only
    assert told((600, 600), (0, 500)) == {}  # there is nothing to hold the one against


def test_what_was_served_and_shown_is_counted_by_arm(lab: Lab, audience: Audience) -> None:
    from apps.decisions import records
    from apps.decisions.served_days import count_days

    experiment, _ = started(lab)
    shown = audience.join(experiment, 20)
    audience.look(experiment, "only-looked")
    records.flush()
    count_days(clock.now())
    rows = {row.arm: row for row in ArmDay.objects.all()}
    assert sum(row.calls for row in rows.values()) == 21
    assert {arm: row.shown for arm, row in rows.items()} == {
        f"arm{n}": list(shown.values()).count(f"v{n}") for n in (0, 1)
    }


def test_an_older_publication_that_was_brought_back_is_told(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    assert "not published" in checks(Phase.objects.get())["serving"]["words"]
    first = lab.world.publish().number
    assert "serving" not in checks(Phase.objects.get())
    running.begin_phase(experiment_id=experiment.pk, actor=None, note="again", now=NOW)
    lab.world.publish()
    decisions.rollback(site_id=lab.site.pk, number=first, actor=None, now=NOW)
    found = checks(Phase.objects.get(number=2))["serving"]
    assert found["level"] == "bad" and "Visitors get phase 1" in found["words"]


def test_a_stopped_arm_that_is_shown_again_by_an_older_publication_is_told(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    running.start(experiment_id=experiment.pk, actor=None, now=NOW)
    first = lab.world.publish().number
    running.stop_arm(experiment_id=experiment.pk, arm="arm1", actor=None, note="x", now=NOW)
    lab.world.publish()
    assert "stopped" not in checks(Phase.objects.get())
    decisions.rollback(site_id=lab.site.pk, number=first, actor=None, now=NOW)
    clock.replace(lambda: NOW + timedelta(hours=5))
    audience.join(experiment, 40)  # of whom somebody surely gets it
    audience.refresh()
    assert "were shown it since" in checks(Phase.objects.get())["stopped"]["words"]


def test_arms_that_show_the_same_are_an_a_a_test(lab: Lab) -> None:
    _, phase = started(lab)
    phase.arms = [arm | {"variant_key": "v0"} for arm in phase.arms]
    phase.save()
    assert "A/A" in checks(phase)["same"]["words"]


def test_odd_rows_never_raise(lab: Lab) -> None:
    _, phase = started(lab)
    Metric.objects.update(kind="mean", of="value")
    took_part(lab, phase, 0, 3, facts={"browser": None, "source": ["x"], "country": {"a": 1}})
    took_part(lab, phase, 7, 300)  # an arm that the phase has not
    for arm, y in ((0, float("1e308")), (1, float("-1e308"))):
        did(phase, lab.metric, arm, 10, y, x=y, xx=float("1e308"), xy=y)
    for weights in ((0.5, 0.5), (0.0, 0.0), (-1.0, 2.0)):
        phase.arms = [
            arm | {"weight": weight} for arm, weight in zip(phase.arms, weights, strict=True)
        ]
        phase.save()
        found = checks(phase)
        assert found["split"]["words"] and found["balance"]["words"]

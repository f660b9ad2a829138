"""An arm looked at on purpose, on the real site: shown to whoever opens it, and counted nowhere."""

import re
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.access.models import Site
from apps.experiments.models import Experiment, Participant
from tests.apps.experiments.conftest import Audience, Lab

PAGE = "https://shop.example/start?a=1"
TOKEN = re.compile(r"attune_preview=(prv_[^\"<&]+)")


def shown(lab: Lab, token: str, who: str) -> dict[str, Any]:
    body = {"placements": ["words.place"], "anonymousId": who, "preview": token}
    response = lab.world.post("/v1/decide", body, key=lab.world.pk)
    assert response.status_code == 200, response.content
    return dict(response.json()["placements"]["words.place"])


def tokens_of(client: Client, experiment: Experiment) -> list[str]:
    """One token an arm, as the page of links has it."""
    response = client.get(reverse("admin:experiment_look", args=[experiment.pk]))
    assert response.status_code == 200
    text = response.content.decode()
    assert "https://shop.example/start?a=1&amp;attune_preview=prv_" in text
    return list(dict.fromkeys(unquote(token) for token in TOKEN.findall(text)))


def test_an_arm_is_shown_to_whoever_opens_its_link(lab: Lab, audience: Audience) -> None:
    pages = [{"name": "Start", "url": PAGE, "placements": ["words.place"]}]
    Site.objects.filter(pk=lab.site.pk).update(preview_pages=pages)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    experiment = lab.design()
    lab.world.publish()

    drafts = tokens_of(client, experiment)
    assert len(drafts) == 2  # before it begins: what its arms would show
    for number, token in enumerate(drafts):
        seen = shown(lab, token, "editor")
        assert (seen["variant"], seen["reason"]) == (f"v{number}", "PREVIEW")
        assert seen["decisionId"] is None and seen["experiment"] is None

    lab.start(experiment)
    running = tokens_of(client, experiment)
    assert len(running) == 2
    for number, token in enumerate(running):
        for who in ("editor", "somebody", "anybody", "a-fourth"):
            seen = shown(lab, token, who)
            assert seen["variant"] == f"v{number}" and seen["decisionId"] is None
            assert (seen["reason"], seen["previewOf"]) == ("PREVIEW", "SPLIT")
            assert seen["experiment"] == {"key": "words", "arm": f"arm{number}"}

    audience.refresh()
    assert Participant.objects.count() == 0
    assert len(set(lab.shown(experiment, 30).values())) == 2  # visitors are split as before

    asked = lab.world.post("/v1/previews", {"arms": {"words": "arm1"}}, key=lab.world.sk)
    assert asked.status_code == 200
    assert shown(lab, asked.json()["preview"], "editor")["variant"] == "v1"
    for arms in ({"words": ""}, {"words": 1}, {str(n): "a" for n in range(21)}):
        refused = lab.world.post("/v1/previews", {"arms": arms}, key=lab.world.sk)
        assert refused.status_code == 400


def test_links_are_made_by_those_who_may_share_previews(lab: Lab) -> None:
    experiment = lab.design()
    client = Client()
    client.force_login(User.objects.create_user("ana", is_staff=True))
    page = reverse("admin:experiment_look", args=[experiment.pk])
    assert client.get(page).status_code == 403

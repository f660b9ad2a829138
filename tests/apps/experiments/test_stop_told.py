"""A stop is told to the site's address: signed, as often as needed, and nobody waits for it."""

import base64
import hashlib
import hmac
import json
import logging
import re
import socket
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from apps.access import alerts, calls
from apps.access.models import Alert, AlertAddress
from apps.experiments import stopping
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Lab
from tests.apps.experiments.test_stopping import carry_out, harmed, running_with_guardrail
from tests.apps.profiles.test_admin import as_role
from tests.apps.rules.test_webhooks import Receiver, receiver  # noqa: F401
from tests.journeys.canaries import lines_of_tables

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def test_a_stop_waits_for_no_receiver_and_its_call_comes_again_until_it_is_taken(
    lab: Lab,
    receiver: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(calls, "TIMEOUT_S", 0.2)
    administrator = as_role("administrator")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, and answers none
        form = {"site": str(lab.site.pk), "is_enabled": "on"}
        form["address"] = f"http://127.0.0.1:{silent.getsockname()[1]}/hook?token=a"
        page = administrator.post(reverse("admin:access_alertaddress_add"), form).content.decode()
        [secret] = re.findall(r'value="(whsec_[^"]+)"', page)
        experiment, phase, guard = running_with_guardrail(lab)
        harmed(phase, guard)
        [found] = stopping.stop_due(phase, now=NOW + 3 * DAY)
        # What visitors see is settled before anybody is called.
        assert carry_out("decisions.publish_experiment") == 1
        assert set(lab.shown(experiment, 20).values()) == {"v0"}
        assert Alert.objects.get().attempts == 0
        assert carry_out(alerts.DELIVER) == 1
    alert = Alert.objects.get()
    assert (alert.state, alert.attempts, alert.error) == ("waiting", 1, "timed out")
    assert carry_out("decisions.publish_experiment") == 0  # the stop is not made again
    AlertAddress.objects.update(address=receiver.address)
    receiver.statuses = [500, 200]
    for state in ("waiting", "delivered"):
        assert carry_out(alerts.DELIVER) == 1
        assert Alert.objects.get().state == state

    (one, body), (other, same) = receiver.calls
    assert body == same and json.loads(body)["data"]["words"] == found.words
    assert one["webhook-id"] == other["webhook-id"]
    for headers in (one, other):  # as the page says that it is verified
        told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
    kept = {table for table, lines in lines_of_tables().items() if any(secret in x for x in lines)}
    assert kept == {"access_alertaddress"}
    assert secret not in caplog.text and secret not in str(receiver.calls)
    names: dict[str, list[Any]] = {
        "experiment_results": [experiment.pk], "experiment_download": [experiment.pk, "json"],
        "experiments_experiment_change": [experiment.pk], "index": [],
        "access_alertaddress_change": [lab.site.pk], "access_alertaddress_changelist": [],
        "access_alertaddress_history": [lab.site.pk], "access_auditentry_changelist": [],
    }  # fmt: skip
    for name, args in names.items():
        answer = administrator.get(reverse(f"admin:{name}", args=args))
        assert answer.status_code == 200, name
        assert secret not in answer.content.decode(), name

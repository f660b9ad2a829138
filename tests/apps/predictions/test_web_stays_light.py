"""Model libraries cost 160 MB and seconds: a web process must come up without them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from apps.access import services as access
from apps.access.models import Source
from tests.apps.recommendations.world import NOW, make_site

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"sklearn", "lightgbm", "scipy", "numpy", "pandas", "optuna"}

SCRIPT = """
import json, sys
import config.wsgi
from django.contrib import admin
from django.urls import get_resolver
admin.autodiscover()
get_resolver().url_patterns
import apps.predictions.services, apps.recommendations.services
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_web_process_with_its_admin_imports_no_model_library():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "django" in loaded
    assert not loaded & HEAVY


ANSWERED = """
import json, sys
import config.asgi, config.wsgi
from django.test import Client
client, key = Client(), sys.argv[1]
given = {"HTTP_AUTHORIZATION": f"Bearer {key}", "content_type": "application/json"}
said = {
    "decide": client.post("/v1/decide", {"anonymousId": "a1", "placements": ["p"]}, **given),
    "track": client.post("/v1/track", {"anonymousId": "a1", "event": "E"}, **given),
    "list": client.get("/v1/recommendations/r", {"anonymousId": "a1"}, **given),
    "admin": client.get("/admin/login/"),
}
print(json.dumps({name: answer.status_code for name, answer in said.items()}))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_that_has_answered_has_not_loaded_them_either():
    site = make_site()
    source = Source.objects.get(site=site)
    _, key = access.issue_key(source_id=source.pk, kind="sk", now=NOW)
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    url = f"{server}/{connection.settings_dict['NAME']}"
    done = subprocess.run(
        [sys.executable, "-c", ANSWERED, key], cwd=ROOT, capture_output=True, text=True,
        check=False, env=os.environ | {"DATABASE_URL": url},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes, loaded = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert codes == {"decide": 200, "track": 200, "list": 404, "admin": 200}
    assert not set(loaded) & HEAVY

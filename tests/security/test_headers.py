"""What every answer says to browsers, and what our cookies are."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.access.models import Site

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["/admin/login/", "/admin/", "/admin/access/site/", "/admin/nowhere/", "/nowhere"]
OPEN_TO_FRAMES = "frame-ancestors 'none'"


@pytest.fixture
def root(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_loads_what_is_ours_alone(root: Client, page: str) -> None:
    policy = root.get(page)["Content-Security-Policy"]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert "script-src" not in rules and "style-src" not in rules
    assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert "unsafe" not in policy


@pytest.mark.parametrize("page", [*PAGES, "/v1/segments", "/healthz"])
def test_an_answer_is_what_its_type_says(root: Client, page: str) -> None:
    answer = root.get(page)
    assert answer["X-Content-Type-Options"] == "nosniff"
    kind = answer.get("Content-Type", "")
    assert not answer.content or kind.startswith(
        ("text/html; charset", "application/", "text/plain")
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_tells_no_other_site_where_it_was(root: Client, page: str) -> None:
    assert root.get(page)["Referrer-Policy"] == "same-origin"
    assert root.get(page)["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("page", ["/admin/", "/admin/access/site/", "/admin/second-factor/"])
def test_pages_of_staff_are_kept_in_no_cache(root: Client, page: str) -> None:
    assert "no-store" in root.get(page)["Cache-Control"]


def test_the_session_is_hidden_from_scripts_and_from_other_sites(db: None) -> None:
    User.objects.create_user("ada", password="right-horse-7", is_staff=True)
    client = Client()
    client.post("/admin/login/", {"username": "ada", "password": "right-horse-7"})
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert len(cookie.value) >= 32


def test_a_form_from_elsewhere_is_refused(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    answer = client.post("/admin/access/site/add/", {"key": "x", "name": "X"})
    assert answer.status_code == 403


def test_reading_changes_nothing(root: Client) -> None:
    before = Site.objects.count()
    for page in ("/admin/logout/", "/admin/access/site/add/?key=x&name=X&_save=1"):
        root.get(page)
    assert root.get("/admin/").status_code == 200
    assert Site.objects.count() == before


def in_production(expression: str) -> Any:
    """What an expression over the production settings comes to, in a process of its own."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": "s" * 40,
        "SIGNING_KEY": "k" * 40,
        "TOMBSTONE_KEY": "t" * 40,
        "SECOND_FACTOR": "",
    }
    asked = f"from django.conf import settings as s; print({expression})"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("s.DEBUG", "False"),
        ("s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE", "True"),
        ("s.SESSION_COOKIE_NAME[:7] + s.CSRF_COOKIE_NAME[:7]", "__Host-__Host-"),
        ("s.SECURE_HSTS_SECONDS >= 31_536_000", "True"),
        ("s.PASSWORD_HASHERS[0].rpartition('.')[2]", "Argon2PasswordHasher"),
        ("'apps.demo' in s.INSTALLED_APPS", "False"),
        ("s.SECOND_FACTOR", "required"),
    ],
    ids=["no debugging", "secure cookies", "cookies of this host", "a year of TLS", "Argon2",
         "no showcase", "second factor"],
)  # fmt: skip
def test_production_is_strict(expression: str, expected: str) -> None:
    assert in_production(expression) == expected

"""Payloads in everything that somebody can send or type, and a browser on every page that shows it.

Nothing of it runs, nothing of it asks another server, and no page breaks.
"""

from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.test import Client
from playwright.sync_api import Browser, Dialog

from apps.access import services as access
from apps.access.models import ApiKey
from apps.content.models import Block
from apps.events.models import Quarantine
from apps.pipeline import fold
from apps.profiles.models import Profile, Trait
from apps.work import clock
from tests.browser.conftest import browser as browser
from tests.browser.conftest import chromium as chromium
from tests.browser.every_page import every_address
from tests.browser.filled_shop import NOT_FILLED, FilledShop
from tests.browser.visiting import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FOREIGN: Final = "https://evil.example"
PAYLOADS: Final = (
    f'"><img src={FOREIGN}/i onerror=alert(1)>',
    f"</script><script src={FOREIGN}/s.js></script>",
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)//",
    "{{constructor.constructor('alert(1)')()}}",
    f"</textarea></title></style><iframe src={FOREIGN}></iframe>",
    "<a href=javascript:alert(1) autofocus onfocus=alert(1)>x",
    f"]]><style>@import '{FOREIGN}/c.css'</style>",
)
# Texts that the product gives a meaning of its own: a key, a digest, a kind, a name of a column.
MEANT: Final = frozenset(
    {
        "key", "digest", "hint", "public_value", "proof_secret", "time_zone", "regime", "sha256",
        "state", "kind", "form", "locale", "language", "bucketing_key", "content_type", "codename",
        "model", "app_label", "password", "username", "session_key", "task", "timezone", "route",
        "text_sha256", "source", "scheme", "route_key", "method", "name_of", "tag", "ref",
        "object_ref", "spec", "media_type", "origin", "cause", "op", "per",
    }
)  # fmt: skip


def payload(number: int, most: int | None) -> str:
    """One of them that fits, by turns."""
    fitting = [one for one in PAYLOADS if most is None or len(one) <= most] or ["<b onclick=a>"]
    return fitting[number % len(fitting)]


def plant_in_tables() -> int:
    """Put a payload into each text of each row that takes one; return how many took it."""
    planted = 0
    for model in apps.get_models():
        if not model.__module__.startswith("apps.") or model._meta.proxy or not model._meta.managed:
            continue
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, models.CharField | models.TextField)
            if not is_text or field.choices or field.name in MEANT or field.primary_key:
                continue
            if isinstance(field, models.SlugField | models.URLField | models.GenericIPAddressField):
                continue
            most = field.max_length
            if most is not None and most < 13:
                continue
            try:
                with transaction.atomic():
                    text = payload(planted, most)
                    planted += bool(model._default_manager.update(**{field.name: text}))
            except Exception as error:
                assert isinstance(error, IntegrityError | models.ProtectedError) or error, field
    return planted


def send(shop: FilledShop) -> None:
    """What a visitor's browser can say: names, properties, addresses, traits, a user agent."""
    _, key = access.issue_key(source_id=shop.source.pk, kind="sk", now=clock.now())
    batch: list[dict[str, Any]] = []
    for number, text in enumerate(PAYLOADS):
        page = {
            "url": f"https://shop.example/?q={text}", "referrer": f"https://a.example/{text}",
            "title": text, "path": f"/{text}",
        }  # fmt: skip
        common = {
            "anonymousId": "x1",
            "messageId": f"m{number}",
            "context": {
                "page": page,
                "userAgent": text,
                "campaign": {"name": text},
                "locale": "en",
            },
        }
        batch.append({**common, "type": "track", "event": text, "properties": {"category": text}})
        batch.append(
            {
                **common,
                "messageId": f"i{number}",
                "type": "identify",
                "userId": f"u{text}",
                "traits": {f"trait{number}": text, "name": text},
            }
        )
    answer = Client().post(
        "/v1/batch", {"batch": batch}, "application/json",
        headers={"Authorization": f"Bearer {key}", "User-Agent": PAYLOADS[0]},
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass
    for schema in Block.objects.values_list("schema", flat=True):
        said = [{**field, "help": PAYLOADS[0]} for field in schema]
        Block.objects.filter(schema=schema).update(schema=said)
    Quarantine.objects.update(body={"type": "track", "event": PAYLOADS[0], "x": list(PAYLOADS)})


@pytest.fixture
def shop(browser: Browser, transactional_db: None) -> FilledShop:
    made = FilledShop()
    send(made)
    assert plant_in_tables() > 30
    return made


def test_nothing_that_was_sent_or_typed_runs_on_any_page(
    shop: FilledShop, live_server: object, browser: Browser
) -> None:
    assert ApiKey.objects.exists() and Trait.objects.filter(key="name").exists()
    person = Profile.objects.filter(traits__key="name").latest("pk")
    root = User.objects.create_superuser("root", password="x")
    visit = Visit(browser, str(live_server))
    dialogs: list[str] = []

    def heard(dialog: Dialog) -> None:
        dialogs.append(f"{visit.page.url}: {dialog.message}")
        dialog.dismiss()

    visit.page.on("dialog", heard)
    visit.come_as(root)
    reason = f"Ticket 4711 {PAYLOADS[0]}"
    looked = f"/admin/profiles/profile/{person.pk}/change/"
    visit.open(looked)
    visit.page.fill("#reason", reason)
    visit.leads("form.reason button")
    assert "You see the values" in visit.page.content()
    addresses = [path for _, path in every_address(shop.known, NOT_FILLED)]
    also = [looked, f"/admin/why/?profile={person.pk}", f"/admin/why/?record={shop.decision.pk}"]
    client = Client(raise_request_exception=False)
    client.force_login(root)
    shown, broken = 0, []
    for path in [*also, *addresses]:
        answer = client.get(path)
        if answer.status_code >= 500:
            broken.append(f"{path}: {answer.status_code}")
        if answer.status_code != 200 or "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        shown += 1
        visit.open(path)
        visit.page.wait_for_load_state()
    visit.close()  # raises for foreign requests, and for scripts that the policy had to stop
    assert shown > 80
    assert dialogs == [] and broken == []

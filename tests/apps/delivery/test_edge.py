"""GET /v1/snapshot: signed bytes for edge workers, and what is left to the server."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.test import override_settings

from apps.access import services as access
from apps.content import services as content
from apps.content.models import Variant
from apps.decisions import signing
from apps.work import clock
from engine.capping import CapDoc
from engine.snapshot import ArmDoc, ExperimentDoc, HoldoutDoc, RuleDoc, SegmentDoc
from tests.apps.delivery.conftest import NOW, World, forget_everything
from tests.apps.delivery.test_segment_keys import republish

PHONE = {"v": 1, "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}}


def edge_key(world: World) -> str:
    return access.issue_key(source_id=world.source.pk, kind="ek", now=NOW)[1]


def fetch(world: World, key: str | None = None, **headers: str) -> Any:
    return world.client.get(
        "/v1/snapshot", headers={"Authorization": f"Bearer {key or edge_key(world)}", **headers}
    )


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def strip(world: World, *, template: str = "<p>Strip</p>", **variant: Any) -> None:
    """The placement `strip`: a default and a variant that only rules serve."""
    block = content.create_block(site_id=world.site.pk, key="strip")
    content.create_variant(block=block, key="plain", is_default=True, template=template)
    content.create_variant(block=block, key="app", template="<p>App</p>", **variant)
    content.create_placement(site_id=world.site.pk, key="strip", block=block)
    world.publish()


def place(document: Any, key: str = "strip") -> Any:
    return next(one for one in document["placements"] if one["key"] == key)


def test_the_signature_is_of_these_bytes_by_the_published_key(world: World):
    strip(world)
    response = fetch(world)
    head, empty, signature = response.headers["X-Snapshot-Signature"].split(".")
    header = json.loads(unpadded(head))
    assert (empty, header["alg"], header["b64"], header["crit"]) == ("", "EdDSA", False, ["b64"])
    keys = world.client.get("/.well-known/jwks.json").json()["keys"]
    [key] = [one for one in keys if one["kid"] == header["kid"]]
    public = Ed25519PublicKey.from_public_bytes(unpadded(key["x"]))
    public.verify(unpadded(signature), head.encode() + b"." + response.content)
    with pytest.raises(InvalidSignature):
        public.verify(unpadded(signature), head.encode() + b"." + response.content + b" ")


def test_the_snapshot_has_what_the_contract_names(world: World):
    strip(world)
    response = fetch(world)
    document = response.json()
    assert document["site"] == "shop"
    assert document["number"] == 1
    assert document["publishedAt"] == "2026-03-10T12:00:00.000Z"
    assert document["validUntil"] == "2026-03-10T12:15:00.000Z"
    assert document["bucketing"] == "growthbook-v2-10000"
    assert {"placements", "rules", "blocks", "experiments", "salts"} <= document.keys()
    assert response.headers["Cache-Control"] == "private, max-age=10"


def test_the_bytes_stay_for_five_minutes_and_a_304_saves_them(world: World):
    strip(world)
    first = fetch(world)
    clock.replace(lambda: NOW + timedelta(seconds=299))
    again = fetch(world, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    clock.replace(lambda: NOW + timedelta(seconds=300))
    later = fetch(world, **{"If-None-Match": first.headers["ETag"]})
    assert later.status_code == 200
    assert later.json()["validUntil"] == "2026-03-10T12:20:00.000Z"
    assert later.headers["X-Snapshot-Signature"] != first.headers["X-Snapshot-Signature"]


def test_only_an_edge_key_may_have_it(world: World):
    strip(world)
    for kind, status in (("pk", 403), ("sk", 403), ("ek", 200)):
        key = access.issue_key(source_id=world.source.pk, kind=kind, now=NOW)[1]
        assert fetch(world, key).status_code == status
    assert world.client.get("/v1/snapshot").status_code == 401


def test_rules_about_the_request_experiments_and_holdouts_are_decided_at_the_edge(world: World):
    strip(world)
    arms = [ArmDoc("a", "plain", 0.5), ArmDoc("b", "app", 0.5)]
    percent = {"kind": "percent", "seed": "s", "from": 0, "to": 50}
    phones = {"v": 1, "where": {"kind": "segment", "key": "phones"}}
    republish(
        world,
        rules=[RuleDoc("r", "strip", "app", phones)],
        segments=[
            SegmentDoc(1, "phones", name="Phones", request_condition=PHONE),
            SegmentDoc(2, "half", request_condition={"v": 1, "where": percent}),
        ],
        experiments=[ExperimentDoc("e", "strip", "exp.strip", arms)],
        holdouts=[HoldoutDoc("h", "held", 0.1)],
    )
    document = fetch(world).json()
    assert "origin" not in place(document)
    assert document["format"] == 4  # no worker that asks nobody's consent to be split may read it
    assert [rule["key"] for rule in document["rules"]] == ["r"]
    assert document["salts"] == {"e": "exp.strip", "h": "held"}
    assert document["segments"] == [
        {"number": 1, "key": "phones", "request_condition": PHONE}
    ]  # no name, and none that nothing asks for


NEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("profile", {"kind": "segment", "key": "kept"}),
    ("profile", {"kind": "trait", "name": "plan", "op": "eq", "value": "gold"}),
    ("profile", {"kind": "model", "name": "m", "op": "gt", "value": 0.5}),
    ("profile", {"kind": "list", "key": "press"}),
    ("profile", {"kind": "consent", "purpose": "analytics"}),
    ("profile", {"kind": "context", "name": "visitor", "op": "eq", "value": "new"}),
    ("profile", {"kind": "segment", "key": "mixed"}),
    ("caps", {"all": []}),
)


def test_what_needs_more_than_the_request_is_left_to_the_origin(world: World):
    strip(world)
    key = edge_key(world)
    mixed = {"v": 1, "where": {"all": [PHONE["where"], {"kind": "segment", "key": "kept"}]}}
    for need, where in NEEDS:
        caps = [1] if need == "caps" else []
        republish(
            world,
            rules=[RuleDoc("r", "strip", "app", {"v": 1, "where": where}, caps=caps)],
            caps=[CapDoc(1, "once", most=1)],
            segments=[SegmentDoc(1, "kept"), SegmentDoc(2, "mixed", request_condition=mixed)],
        )
        document = fetch(world, key).json()
        assert place(document)["origin"] == need, where
        # Nothing but the default goes along.
        assert place(document)["default"]["template"] == ["<p>Strip</p>"]
        assert (document["rules"], document["blocks"]) == ([], [])
        assert "kept" not in json.dumps(document)


def test_templates_that_look_at_a_profile_are_left_to_the_origin(world: World):
    strip(world)
    variant = Variant.objects.get(key="plain")
    key = edge_key(world)
    for template, need, default in (
        ("<p>Hi {{ traits.name }}</p>", "values", ["<p>Hi </p>"]),
        ("{% if traits.vip %}<b>VIP</b>{% else %}<i>Hi</i>{% endif %}", "liquid", ["<i>Hi</i>"]),
        ("<p>{{ context.city }} {{ intensity }}</p>", None, None),
    ):
        content.update_variant(variant_id=variant.pk, template=template)
        world.publish()
        forget_everything()
        found = place(fetch(world, key).json())
        assert found.get("origin") == need
        assert found.get("default", {}).get("template") == default


def test_a_flag_that_no_page_may_read_stays_on_the_server(world: World):
    for key, is_open in (("open", True), ("shut", False)):
        flag = content.create_block(
            site_id=world.site.pk,
            key=key,
            kind="flag",
            value_type="boolean",
            is_client_visible=is_open,
        )
        content.create_variant(block=flag, key="off", is_default=True, value=False)
    world.publish()
    assert [one["key"] for one in fetch(world).json()["placements"]] == ["open"]
    assert world.client.get("/v1/content/shut?site=shop").status_code == 404
    assert world.client.get("/v1/content/open?site=shop").json()["value"] is False


def test_a_key_that_was_replaced_stays_known(world: World):
    strip(world)
    old = fetch(world).headers["X-Snapshot-Signature"].split(".")[0]
    kid = json.loads(unpadded(old))["kid"]
    [before] = world.client.get("/.well-known/jwks.json").json()["keys"]
    assert before["kid"] == kid
    seed = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
    with override_settings(SNAPSHOT_KEY=seed, SNAPSHOT_RETIRED_KEYS=[before["x"]]):
        after = world.client.get("/.well-known/jwks.json").json()["keys"]
    assert [key["kid"] for key in after][1:] == [kid]
    assert after[0]["kid"] != kid


def test_key_ids_are_thumbprints_as_the_rfc_shows_them():
    # RFC 8037, appendix A.2 and A.3.
    key = signing.public_key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

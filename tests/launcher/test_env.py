"""The environment as the product reads it: typed, or refused in one sentence."""

import pytest

from config.env import broker_address, load

GOOD = {
    "SECRET_KEY": "s" * 40,
    "SIGNING_KEY": "t" * 40,
    "TOMBSTONE_KEY": "u" * 40,
    "DATABASE_URL": "postgres://someone:p%40ss@db.example:5433/attune",
    "REDIS_URL": "rediss://cache.example:6380/2",
}


def test_a_full_environment():
    environment = load(
        {
            **GOOD,
            "PORT": "9000",
            "ALLOWED_HOSTS": "shop.example,api.shop.example",
            "TRUSTED_PROXIES": "10.0.0.0/8",
            "PUBLIC_ORIGIN": "https://api.shop.example/",
            "ATTUNE_HOME": "/srv/attune",
        }
    )
    assert environment.database["HOST"] == "db.example"
    assert environment.database["PORT"] == 5433
    assert environment.database["PASSWORD"] == "p@ss"
    assert environment.database["CONN_MAX_AGE"] is None
    assert environment.database["CONN_HEALTH_CHECKS"] is True
    assert environment.broker_url == GOOD["REDIS_URL"]
    assert environment.allowed_hosts == ["shop.example", "api.shop.example"]
    assert environment.trusted_proxies == ["10.0.0.0/8"]
    assert environment.public_origin == "https://api.shop.example"
    assert str(environment.home) == "/srv/attune"
    assert environment.port == 9000
    assert environment.debug is False


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_missing_is_named(name):
    without = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(SystemExit, match=f"{name} is not set"):
        load(without)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "http", "PORT is malformed"),
        ("SECRET_KEY", "short", "SECRET_KEY must have at least 32 characters"),
        ("DATABASE_URL", "mysql://db/attune", "DATABASE_URL must start with postgres://"),
        ("PRIVATE_TARGETS", "our network", "PRIVATE_TARGETS is malformed"),
        ("PUBLIC_ORIGIN", "shop.example", "starts with http:// or https://"),
        ("MASTER_KEYS", "first:c2hvcnQ=", "each key is 32 bytes in base64"),
        ("MASTER_KEYS", "A" * 43, "MASTER_KEYS is a list of name:key"),
        ("MASTER_KEYS", f"a:{'A' * 43},a:{'B' * 43}", "each name is used once"),
    ],
)
def test_what_is_malformed_is_named(name, value, sentence):
    with pytest.raises(SystemExit, match=sentence):
        load({**GOOD, name: value})


def test_a_secret_that_starts_with_a_dollar_is_taken_as_it_is():
    secret = "$" + "x" * 40
    assert load({**GOOD, "SECRET_KEY": secret}).secret_key == secret


@pytest.mark.parametrize(
    "text",
    ["new:" + "_-" * 21 + "w=, old:" + "A" * 43, "new:" + "/+" * 21 + "w=,old:" + "A" * 43 + "="],
    ids=["for addresses", "as openssl gives it"],
)
def test_master_keys_come_in_their_order_in_either_alphabet(text):
    (first, key), (second, zeros) = load({**GOOD, "MASTER_KEYS": text}).master_keys
    assert (first, second, len(key), zeros) == ("new", "old", 32, bytes(32))
    assert load(GOOD).master_keys == ()


@pytest.mark.parametrize(
    ("redis_url", "broker"),
    [
        ("redis://h:1/3", "redis://h:1/3"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
        ("unix:///run/v.sock?db=4", "redis+socket:///run/v.sock?virtual_host=4"),
        ("unix://:pw@/run/v.sock", "redis+socket://:pw@/run/v.sock?virtual_host=0"),
    ],
)
def test_the_broker_is_the_same_server(redis_url, broker):
    assert broker_address(redis_url) == broker

"""Contentful's client for Python, as its documentation shows it.

Only the host and the key are ours. Prints what it read, as one JSON object.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import contentful

HOST, KEY = os.environ["ATTUNE_HOST"], os.environ["ATTUNE_KEY"]
VISITOR, ENTRY = {"userId": os.environ["ATTUNE_VISITOR"]}, os.environ["ATTUNE_ENTRY"]


def connected(key: str, **options: Any) -> contentful.Client:
    """The client of a shop that reads from Contentful today."""
    return contentful.Client(
        "cfexampleapi",
        key,
        api_url=HOST.removeprefix("http://"),
        https=False,
        timeout_s=10,
        **options,
    )


def refused(call: Callable[[], Any]) -> list[str]:
    """What the client raises, and what it says."""
    try:
        call()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["nothing", ""]


client = connected(KEY)
stranger = client.entries({"content_type": "heroBanner"})[0]
looker = client.entries({"content_type": "heroBanner", **VISITOR})[0]
there = client.entry(ENTRY, dict(VISITOR))
story = client.entry("home.story")
found = {
    "types": sorted(one.id for one in client.content_types()),
    "fields": {field.id: field.type for field in client.content_type("story").fields},
    "space": [client.space().id, [one.code for one in client.space().locales]],
    "locales": [[one.code, one.default] for one in client.locales()],
    "stranger": [stranger.id, stranger.title, stranger.sys["attune"]["reason"]],
    "looker": [looker.title, looker.sys["attune"]],
    "there": [there.id, there.title, there.content_type.id],
    "story": {
        "headline": story.headline,
        "body": story.body,
        "picture": [story.picture.url(), story.picture.title],
        "points": story.points,
        "locale": story.locale,
    },
    "german": client.entry("home.story", {"locale": "de"}).headline,
    "every language": client.entry("home.story", {"locale": "*"}).fields("de")["headline"],
    "page": [client.entries({"limit": 1}).total, len(client.entries({"limit": 1}))],
    "selected": sorted(client.entry("home.story", {"select": "fields.headline"}).fields()),
    "in the address": connected(KEY, authorization_as_header=False).entry("home.story").headline
    if KEY.startswith("pk_")
    else None,
    "absent": refused(lambda: client.entry("no-such")),
    "wrong key": refused(lambda: connected("pk_nobody")),
    "unknown filter": refused(lambda: client.entries({"fields.title[match]": "x"})),
    "unknown language": refused(lambda: client.entries({"locale": "fr"})),
    "asset": refused(lambda: client.asset("no-such")),
}
print(json.dumps(found))

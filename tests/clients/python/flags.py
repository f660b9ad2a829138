"""The OpenFeature SDK for Python with its OFREP provider, as their documentation shows them.

Only the host and the key are ours. Prints what each evaluation gave, as one JSON object.
"""

import dataclasses
import json
import os

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

HOST, KEY = os.environ["ATTUNE_HOST"], os.environ["ATTUNE_KEY"]

api.set_provider(
    OFREPProvider(base_url=HOST, headers_factory=lambda: {"Authorization": f"Bearer {KEY}"})
)
client = api.get_client()
someone = EvaluationContext(targeting_key="py-1", attributes={"locale": "de-CH"})
looker = EvaluationContext(targeting_key=os.environ["ATTUNE_VISITOR"])

found = {
    "boolean": client.get_boolean_details("demo.enabled", False, someone),
    "string": client.get_string_details("demo.greeting", "default", someone),
    "integer": client.get_integer_details("demo.page-size", 1, someone),
    "float": client.get_float_details("demo.discount", 0.5, someone),
    "whole float": client.get_float_details("shop.whole", 0.5, someone),
    "object": client.get_object_details("demo.theme", {}, someone),
    "placement": client.get_object_details("home.hero", {}, looker),
    "of nobody": client.get_object_details("home.hero", {"default": True}),
    "static of nobody": client.get_boolean_details("demo.enabled", False),
    "unknown": client.get_boolean_details("no.such", True, someone),
    "wrong type": client.get_integer_details("demo.greeting", 7, someone),
    "segment": client.get_boolean_details("segment.blouses", False, looker),
}
print(json.dumps({name: dataclasses.asdict(details) for name, details in found.items()}))

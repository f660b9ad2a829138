"""Segment's library for Python, as its documentation shows it. Host and key alone are ours."""

import os

import segment.analytics as analytics

analytics.host = os.environ["ATTUNE_HOST"]
analytics.write_key = os.environ["ATTUNE_KEY"]
analytics.gzip = os.environ.get("ATTUNE_GZIP") == "1"
refusals: list[object] = []
analytics.on_error = lambda error, items: refusals.append(error)

visitor = os.environ["ATTUNE_VISITOR"]
product = {"product_id": "C17", "category": "blouses", "price": 48.5}
analytics.identify(visitor, {"plan": "gold", "newsletter": True})
analytics.track(visitor, "Product Viewed", product)
analytics.page(visitor, "Catalogue", "Blouses", {"url": "https://shop.example/blouses"})
analytics.screen(visitor, "App", "Home")
analytics.group(visitor, "group-1", {"name": "Friends"})
analytics.alias(f"{visitor}-before", visitor)
analytics.flush()
print(refusals)
raise SystemExit(1 if refusals else 0)

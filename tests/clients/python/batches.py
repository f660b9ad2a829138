"""mParticle's library for Python, as its documentation shows it. Host and key alone are ours."""

import os

import mparticle
from mparticle import (
    AppEvent,
    Batch,
    CommerceEvent,
    ConsentState,
    EventsApi,
    GDPRConsentState,
    Product,
    ProductAction,
    SessionStartEvent,
    UserIdentities,
)

configuration = mparticle.Configuration()
configuration.host = f"{os.environ['ATTUNE_HOST']}/v2"
configuration.api_key = os.environ["ATTUNE_KEY"]
configuration.api_secret = "-"
visitor = os.environ["ATTUNE_VISITOR"]


def batch(request: str) -> Batch:
    found = Batch()
    found.environment = "development"
    found.source_request_id = request
    found.user_identities = UserIdentities(customerid=visitor, email="py@shop.example")
    found.user_attributes = {"Hair Color": "brown", "sizes": ["38", "40"]}
    consent = GDPRConsentState(document="analytics", consented=True)
    found.consent_state = ConsentState()
    found.consent_state.gdpr = {"analytics": consent}
    bought = ProductAction("purchase")
    bought.products = [Product(id="C17", name="Blouse", price=38, quantity=2)]
    bought.transaction_id = f"order-{request}"
    found.events = [
        SessionStartEvent(),
        AppEvent("Fitting Booked", "navigation", custom_attributes={"shop": "Bern"}),
        CommerceEvent(bought),
    ]
    return found


api = EventsApi(configuration)
api.upload_events(batch("first"))
api.upload_events(batch("first"))  # as after an answer that was lost
api.bulk_upload_events([batch("second"), batch("third")])

"""Words for what the desk shows: kinds of requests and what happens to them."""

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "access": "See everything that is kept about them",
    "portability": "Take their data along",
    "erasure": "Be erased",
    "rectification": "Have something put right",
    "restriction": "Have their data only stored",
    "objection": "Object to profiling",
    "opt_out": "Opt out of sale and sharing",
    "limit": "Limit the use of sensitive data",
    "review": "Have a decision looked at by a human",
}
EVENTS: Final[Mapping[str, str]] = {
    "received": "Received",
    "verification_begun": "Asked for proof",
    "address_confirmed": "The address is confirmed; person or mandate are still to be checked",
    "receipt_confirmed": "The person was told that it has arrived",
    "verified": "The person is verified",
    "names_shown": "An officer looked at the names",
    "link_shown": "An officer was shown the link of the package",
    "package_opened": "The package was opened",
    "approved": "Approved",
    "begun": "Being carried out",
    "failed": "Went wrong; tried again",
    "extended": "Extended",
    "rectified": "A trait was put right",
    "lifted": "The restriction was lifted",
    "reminded": "Officers were reminded",
    "noted": "A note was written",
    "bulk_asked": "Waits for a second officer, with others",
    "bulk_refused": "The second officer refused",
    "bulk_withdrawn": "Taken out of the bulk action",
    "completed": "Completed",
    "refused": "Refused",
    "cancelled": "Cancelled",
    "called_back": "The controller was told",
    "callback_ended": "An address of the controller is not called any more",
}

"""Certificates of erasure: what was removed and what is kept, signed, sealed, with nobody in it.

The body is JSON in one fixed form (sorted keys, no spaces), signed byte for byte as a detached JWS
by the key that /.well-known/jwks.json names: whoever has both files can check it without us.
"""

import json
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction

from apps.consent import tombstones
from apps.decisions import signing
from apps.privacy import ledger_file
from apps.privacy.models.erasures import WRITTEN, Certificate, Erasure, ErasureStep
from apps.privacy.sought import Sought
from apps.work.ids import uuid7
from apps.work.ledgers import Form, Ledger

LEDGER: Final = Ledger(
    name="certificates",
    title="the certificates of erasures",
    table=Certificate._meta.db_table,
    keeps=timedelta(days=730),
    forms=(Form(("id", "site_id", "at", "erasure_id", "kind", "body", "jws")),),
)

# What an erasure leaves, why, and for how long. Docs and every certificate say the same.
KEPT: Final = (
    ("consent proof", "under a keyed pseudonym, to prove past consent", "3 years"),
    ("audit trail", "who did what, on an internal id, without values", "2 years"),
    ("tombstones", "keyed digests of identities, so that nothing of before comes back", "395 days"),
    ("erasure ledger", "internal ids, so that a restored backup erases again", "as backups"),
    ("aggregates", "counts in which nobody is", "as configured"),
    ("message digests", "of random message ids, so that none counts twice", "30 days"),
    ("marks in Redis", "keep late answers out", "10 minutes"),
    ("notices in Redis", "digests that open pages are told by", "5.5 minutes"),
    ("memory of running processes", "what was read before; bounded, written nowhere", "minutes"),
    ("logs", "internal ids, no identity", "30 days"),
    ("backups", "encrypted fields are unreadable: their keys are destroyed", "35 days"),
    ("search note", "encrypted, what the search of all stores looks for", "3 days"),
)


def issue(erasure: Erasure, sought: Sought, *, now: datetime) -> Certificate:
    """Write the certificate of an erasure, or return the one there is. In a transaction."""
    known = Certificate.objects.filter(erasure=erasure, kind=Certificate.Kind.ERASURE).first()
    if known is not None:
        return known
    steps = list(ErasureStep.objects.filter(erasure=erasure).order_by("ordinal"))
    removed: Counter[str] = Counter()
    for step in steps:
        removed.update({name: n for name, n in step.stores.items() if name not in WRITTEN})
    pk = uuid7()
    document = {
        "schema": "attune.erasure-certificate/1",
        "certificate": str(pk),
        "erasure": str(erasure.pk),
        "site": str(erasure.site_id),
        "cause": erasure.cause,
        "begun": _text(erasure.started_at),
        "completed": _text(now),
        "profiles": len(sought.profiles),
        "identities": len(sought.names) + len(sought.shared),
        "removed": dict(removed),
        "steps": [
            {"name": step.name, "done": _text(step.done_at)} for step in steps if step.done_at
        ],
        "models": [
            {"kind": one.kind, "id": str(one.target_id), "retrainedBy": _text(one.due_at)}
            for one in erasure.cuts.order_by("pk")
        ],
        "recipients": dict(Counter(one.state for one in erasure.tellings.all())),
        "kept": [{"what": what, "why": why, "until": until} for what, why, until in KEPT],
        "search": {
            "kind": "every index that leads to the person, and the planner's statistics",
            "found": 0,
            "all stores": "follows, as a certificate of its own",
        },
    }
    return _written(pk, erasure, Certificate.Kind.ERASURE, document, now)


def issue_search(erasure: Erasure, result: Mapping[str, Any], *, now: datetime) -> Certificate:
    """Write what the search of all stores has found of a person, beside the first certificate."""
    pk = uuid7()
    document = {
        "schema": "attune.erasure-search/1",
        "certificate": str(pk),
        "erasure": str(erasure.pk),
        "site": str(erasure.site_id),
        "completed": _text(now),
        "search": dict(result),
    }
    return _written(pk, erasure, Certificate.Kind.SEARCH, document, now)


def _written(
    pk: UUID, erasure: Erasure, kind: str, document: Mapping[str, Any], now: datetime
) -> Certificate:
    body = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Certificate.objects.create(
        pk=pk,
        erasure=erasure,
        site_id=erasure.site_id,
        at=now,
        kind=kind,
        body=body,
        jws=signing.signed_apart(body.encode()),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def put_down(erasure: Erasure, sought: Sought, certificate: Certificate) -> None:
    """Write the line of the ledger outside the database; it is on the disk when this returns.

    Raises:
        OSError: it is not, and the erasure must not count as completed.
    """
    digests = [
        tombstones.digests_of(erasure.site_id, kind, value)[0].hex for kind, value in sought.names
    ]
    intervals = [
        {
            "digest": tombstones.digests_of(erasure.site_id, kind, value)[0].hex,
            "since": since,
            "until": until,
        }
        for kind, value, since, until in sought.shared
    ]
    ledger_file.append(
        ledger_file.Entry(
            erasure_id=erasure.pk,
            site_id=erasure.site_id,
            erased_at=erasure.started_at,
            completed_at=certificate.at,
            profile_ids=tuple(sought.profiles),
            digests=tuple(digests),
            certificate_id=certificate.pk,
            intervals=intervals,
        )
    )


def is_genuine(body: bytes, jws: str, key_set: bytes) -> bool:
    """Tell whether a key of a JWK set has signed exactly this body. Needs nothing of this server.

    Args:
        key_set: the content of /.well-known/jwks.json, fetched at any time since.
    """
    try:
        head, between, signature = jws.split(".")
        header = json.loads(_bytes_of(head))
        keys = {key["kid"]: key for key in json.loads(key_set)["keys"]}
        if between or header.get("alg") != "EdDSA" or header.get("b64") is not False:
            return False
        public = Ed25519PublicKey.from_public_bytes(_bytes_of(keys[header["kid"]]["x"]))
        public.verify(_bytes_of(signature), head.encode() + b"." + body)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return False
    return True


def _bytes_of(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@transaction.atomic
def keep_search(erasure: Erasure, result: Mapping[str, Any], *, now: datetime) -> Certificate:
    """End the search for somebody: its certificate, and nothing is looked for any more."""
    certificate = issue_search(erasure, result, now=now)
    Erasure.objects.filter(pk=erasure.pk).update(checked_at=now, sought=b"")
    return certificate

"""Throttling of the staff's sign-in: what django-axes counts by, keeps, and says.

It counts failures of one account from one network. Whoever guesses from elsewhere locks nobody
out; whoever is locked out signs in from another network, or waits.
"""

import hashlib
import hmac
import ipaddress
import logging
from datetime import timedelta
from math import ceil
from typing import Any, Final

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from apps.access.addresses import client_address

logger = logging.getLogger(__name__)

FAILURES: Final = 5
COOL_OFF: Final = timedelta(minutes=15)
NETWORK_BITS: Final = {4: 24, 6: 48}


def network_of(request: HttpRequest) -> str | None:
    """Return the address a request comes from, cut to its network: /24, or /48 of IPv6."""
    address = client_address(request.META)
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return None  # a Unix socket: one network of its own
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    cut = ipaddress.ip_network((parsed, NETWORK_BITS[parsed.version]), strict=False)
    return str(cut.network_address)


def account_of(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return a keyed digest of the name that was typed: people type passwords there, too.

    The same for a name that exists and one that does not.
    """
    typed = (credentials or {}).get("username") or request.POST.get("username") or ""
    key = hashlib.sha256(f"attune.sign_in:{settings.SECRET_KEY}".encode()).digest()
    return hmac.new(key, str(typed).strip().casefold().encode(), hashlib.sha256).hexdigest()[:32]


class Handler(AxesDatabaseHandler):  # type: ignore[misc]  # the library has no types
    """Counts in the database, and keeps nothing of a request but where it came from."""

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **more: Any
    ) -> None:
        """Count, without browser, address line or form."""
        if request is not None:
            request.axes_user_agent = request.axes_http_accept = ""
            request.axes_path_info = ""
        super().user_login_failed(sender, credentials, request, **more)
        if request is None:
            return
        account = account_of(request, credentials)
        AccessAttempt.objects.filter(username=account).update(get_data="", post_data="")
        logger.warning("access.sign_in_failed", extra={"network": request.axes_ip_address})


def locked_out(
    request: HttpRequest,
    response: HttpResponse | None = None,
    credentials: dict[str, Any] | None = None,
) -> HttpResponse:
    """Answer 429 with what to do now, the same whether or not there is such an account."""
    wait_s = _wait_s(request, credentials)
    context = {
        "minutes": ceil(wait_s / 60), "failures": FAILURES, "title": "Too many tries",
        "site_header": "Attune", "site_title": "Attune",
    }  # fmt: skip
    page = TemplateResponse(request, "admin/access/locked_out.html", context, status=429)
    page["Retry-After"] = str(wait_s)
    page["Cache-Control"] = "no-store"
    return page.render()


def _wait_s(request: HttpRequest, credentials: dict[str, Any] | None) -> int:
    rows = AccessAttempt.objects.filter(
        username=account_of(request, credentials), ip_address=network_of(request)
    )
    newest = rows.aggregate(newest=Max("attempt_time"))["newest"]
    if newest is None:
        return int(COOL_OFF.total_seconds())
    left: timedelta = newest + COOL_OFF - timezone.now()
    return max(1, ceil(left.total_seconds()))

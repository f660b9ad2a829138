"""Addresses of the privacy desk that are not in the admin."""

from typing import Final

from django.urls import URLPattern, path, re_path

from apps.access.http import HotView
from apps.privacy import (
    double_opt_in,
    links,
    notices,
    opendsr,
    package_pages,
    public_pages,
    receipts_given,
    request_form,
    why_page,
)

HOT_ROUTES: Final[dict[str, HotView]] = {
    "/v1/notice": notices.notice,
    "/v1/consent/link": links.consent_link,
    "/v1/consent/opt-in": double_opt_in.opt_in,
    "/v1/consent/receipt": receipts_given.consent_receipt,
    "/opendsr/v2/discovery": opendsr.discovery,
    "/opendsr/v2/requests": opendsr.submit,
    "/opendsr/v2/certificate.pem": opendsr.certificate,
}
_SITE: Final = r"^privacy/(?P<site_key>[-\w]{1,60})"

urlpatterns: list[URLPattern] = [
    *(path(route.removeprefix("/"), view) for route, view in HOT_ROUTES.items()),
    *(path(f"{route.removeprefix('/')}/", view) for route, view in HOT_ROUTES.items()),
    re_path(r"^opendsr/v2/requests/(?P<request_id>[^/]{1,100})/?$", opendsr.one),
    re_path(_SITE + r"/?$", public_pages.centre, name="privacy_centre"),
    re_path(_SITE + r"/notice/?$", public_pages.notice_page, name="privacy_notice"),
    re_path(
        _SITE + r"/notice/(?P<version>[^/\x00]{1,40})/?$",
        public_pages.notice_page,
        name="privacy_notice_version",
    ),
    re_path(_SITE + r"/receipt/?$", receipts_given.receipt_page, name="privacy_receipt"),
    re_path(_SITE + r"/why/?$", why_page.why_page),
    re_path(
        r"^privacy/(?P<site>[-\w]{1,60})/request/?$",
        request_form.request_form,
        name="privacy_request",
    ),
    re_path(r"^privacy/confirm/(?P<token>[-\w]{40,4000})/?$", request_form.confirm),
    re_path(r"^privacy/packages/(?P<token>[-\w]{32})/?$", package_pages.package),
    re_path(r"^privacy/packages/(?P<token>[-\w]{32})/data\.json$", package_pages.package_json),
    re_path(r"^privacy/packages/(?P<token>[-\w]{32})/data\.html$", package_pages.package_html),
    # After these words, which are shorter than any token.
    re_path(r"^privacy/opt-in/(?P<token>[-\w]{40,4000})/?$", double_opt_in.confirm),
]

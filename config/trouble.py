"""Pages for people when something went wrong: 503 while the record is away, 500 for our faults.

And 413 for a form that is larger than a server should read, 400 for what no database takes.
"""

import logging
import sys
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request as django_bad_request
from django.views.defaults import server_error as django_server_error

from apps.work.database import drop_if_broken

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>One moment</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>One moment</h1><p>The database is away. It usually comes back by itself within seconds:
load this page again.</p></body></html>
"""
_TOO_LARGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>This form is too large</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>This form is too large</h1><p>It holds more text or more fields than can be saved at once,
so nothing was saved. Go back with your browser: what you typed is still there. Save it in smaller
parts, or shorten the longest texts.</p></body></html>
"""

_UNKEEPABLE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>This cannot be kept</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>This cannot be kept</h1><p>Somewhere in what was sent is a character, a number or a JSON
text that no database takes: half an emoji, NUL, NaN, or brackets nested far too deeply. Nothing was
saved. Go back with your browser: what you typed is still there.</p></body></html>
"""


class Unkeepable:
    """Middleware: staff who send what no database takes get a sentence, not a server error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not request.path.startswith("/admin/") or not _is_unkeepable(exception):
            return None
        logger.warning("request.unkeepable", extra={"path": request.path}, exc_info=exception)
        return HttpResponse(_UNKEEPABLE, status=400)


def _is_unkeepable(error: Exception) -> bool:
    match error:
        case DataError():
            return True
        case RecursionError():  # of a parser; one of our own code is a fault of ours
            return "decoding a JSON" in str(error)
        case UnicodeEncodeError():
            return error.reason == "surrogates not allowed"
        case ValueError():
            return "NUL (0x00)" in str(error)
    return False


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a form that is too large is said to be so."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent):
        return HttpResponse(_TOO_LARGE, status=413)
    return django_bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the error is being handled."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        drop_if_broken()
        return HttpResponse(_PAGE, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
    return django_server_error(request)
